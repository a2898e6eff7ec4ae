/**
 * Handlers of errors for tests in which there are none.
 * @module
 */
import { DeferredQueue } from "../../src/util/deferred_queue.ts";

/** Fails the test. */
export function unexpected(error: unknown): never {
  throw error;
}

/** A queue of deferred work whose errors fail the test. */
export function deferred(): DeferredQueue {
  return new DeferredQueue(unexpected);
}
