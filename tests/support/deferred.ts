/**
 * Handlers of errors for tests in which there are none.
 * @module
 */
import { NextTurn } from "../../src/util/deferred_queue.ts";

/** Fails the test. */
export function unexpected(error: unknown): never {
  throw error;
}

/** A queue of deferred work whose errors fail the test. */
export function deferred(): NextTurn {
  return new NextTurn(unexpected);
}
