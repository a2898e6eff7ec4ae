/**
 * What Lull can be asked to do, and the flags that belong to one command alone.
 * @module
 */

/** A flag of one command. */
export interface CommandFlag {
  /** How the help names its value; a flag without one is a switch. */
  readonly value?: string;
  readonly sentence: string;
}

/** A command. */
export interface Command {
  readonly sentence: string;
  /** Whether it reads the configuration, and so takes the options. */
  readonly configured: boolean;
  readonly flags: Readonly<Record<string, CommandFlag>>;
}

/** Every command; the first is meant where none is given. */
export const commands = {
  serve: {
    sentence: "Listens for the host agent. The command where none is given.",
    configured: true,
    flags: {},
  },
  install: {
    sentence: "Puts Lull into a tree of files that will be a root filesystem.",
    configured: false,
    flags: {
      root: { value: "DIR", sentence: "The tree; / is this system." },
      binary: {
        value: "FILE",
        sentence: "The compiled binary, in place of the one that runs.",
      },
    },
  },
  doctor: {
    sentence: "Says what works in this guest, and how to get what does not.",
    configured: true,
    flags: { json: { sentence: "Says it to programs." } },
  },
} as const satisfies Record<string, Command>;

/** The name of a command. */
export type CommandName = keyof typeof commands;

/** The flags of all commands, for whoever takes a command line apart. */
export const commandFlags: readonly (readonly [string, CommandFlag])[] = Object
  .values(commands).flatMap(({ flags }) => Object.entries(flags));
