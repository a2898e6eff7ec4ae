/**
 * Why the agent does not start.
 * @module
 */
import { ConfigError } from "./error.ts";

/**
 * The agent cannot start. The message is one sentence for the user: it says what cannot be
 * done, why, and what to do.
 */
export class StartError extends Error {
  override readonly name = "StartError";
}

/** What the process says on stderr, in one line, and its exit code: 2 is for wrong usage. */
export interface Failure {
  readonly line: string;
  readonly exitCode: 1 | 2;
}

/** Makes the failure of whatever the start threw. Never contains a stack trace. */
export function failureOf(error: unknown): Failure {
  const text = (error instanceof Error ? error.message : String(error))
    .trim().replaceAll(/\s*\n\s*/g, " ");
  const sentence = /^Cannot /.test(text)
    ? text
    : `Cannot start: ${text || "the reason is unknown"}`;
  return {
    line: `lull: ${sentence}`,
    exitCode: error instanceof ConfigError ? error.exitCode : 1,
  };
}
