/**
 * The errors that keep the agent from starting.
 * @module
 */
import { messageOf } from "./errors.ts";

/**
 * The agent cannot start. The message is one sentence for the user: it says what cannot be
 * done, why, and what to do.
 */
export class StartError extends Error {
  override readonly name: string = "StartError";
  /** The exit code of the process: 2 for wrong usage, 1 for any other reason. */
  readonly exitCode: 1 | 2 = 1;
}

/** The line that the process writes to stderr, and its exit code. */
export interface Failure {
  readonly line: string;
  readonly exitCode: 1 | 2;
}

/** Makes the failure of any value that the start threw. Never contains a stack trace. */
export function failureOf(error: unknown): Failure {
  const text = messageOf(error).trim().replaceAll(/\s*\n\s*/g, " ");
  const sentence = /^Cannot /.test(text)
    ? text
    : `Cannot start: ${text || "the reason is unknown"}`;
  return {
    line: `lull: ${sentence}`,
    exitCode: error instanceof StartError ? error.exitCode : 1,
  };
}
