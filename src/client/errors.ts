/**
 * The errors of the client.
 * @module
 */
import type { Problem } from "./types.ts";

/** The agent cannot be reached or does not reply in time, or the reply is none of an agent. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

/** The agent refused a call, or undid it. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  /** The status of the reply. */
  readonly status: number;
  /** The problem document; undefined if the reply has none. */
  readonly problem: Problem | undefined;

  constructor(
    message: string,
    status: number,
    problem: Problem | undefined,
  ) {
    super(message);
    this.status = status;
    this.problem = problem;
  }
}
