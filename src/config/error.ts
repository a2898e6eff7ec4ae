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
