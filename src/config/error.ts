/**
 * Something that the user wrote is wrong. The message is a whole sentence for
 * the user: it names what is wrong, the value, and what was expected.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** The exit code of the process: 2 for wrong usage, 1 if the system refused something. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 2) {
    super(message);
    this.exitCode = exitCode;
  }
}
