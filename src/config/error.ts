/**
 * Something that the user wrote is wrong. The message is a whole sentence for
 * the user: it names what is wrong, the value, and what was expected.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}
