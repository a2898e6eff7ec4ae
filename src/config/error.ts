/**
 * Errors that end the start of the agent, and their one line on stderr.
 * @module
 */

/**
 * A part of the command line or of the configuration is wrong. The message is
 * one sentence for the user: it names the wrong part, its value and the expected
 * value.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** The exit code of the process: 2 for wrong usage, 1 if the system refused an action. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 2) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Throws a ConfigError about a part of the command line or of the configuration. */
export function refuse(part: string, why: string): never {
  throw new ConfigError(`Cannot use ${part}: ${why}`);
}

/** Throws a ConfigError about a wrong value; `got` is undefined if there is none. */
export function refuseValue(
  part: string,
  expected: string,
  got: unknown,
): never {
  const shown = got === undefined ? "none" : JSON.stringify(got);
  refuse(part, `expected ${expected}, got ${shown}`);
}

/**
 * The agent cannot start. The message is one sentence for the user: it names the action that
 * failed, the reason, and what to do.
 */
export class StartError extends Error {
  override readonly name = "StartError";
}

/** The line that the process prints on stderr, and its exit code: 2 means wrong usage. */
interface Failure {
  readonly line: string;
  readonly exitCode: 1 | 2;
}

/** Converts an error of the start to its line and exit code, without a stack trace. */
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
