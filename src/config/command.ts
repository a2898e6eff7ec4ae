/**
 * What a command and its flags have.
 * @module
 */

/** A flag of one command. */
export interface CommandFlag {
  /** The name of the flag's value in the help. A flag without a value is a switch. */
  readonly value?: string;
  /** The flag's line in the help. */
  readonly description: string;
}

/** A command. */
export interface Command {
  /** The command's line in the help. */
  readonly description: string;
  /** Whether the command reads the configuration and therefore accepts the options. */
  readonly configured: boolean;
  readonly flags: Readonly<Record<string, CommandFlag>>;
  /** The flags without which the command does not run. */
  readonly needs?: readonly string[];
  /** What the help says below the flags, in lines of at most 74 characters. */
  readonly notes?: readonly string[];
}
