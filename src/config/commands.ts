/**
 * The commands of Lull, and the flags that belong to a single command.
 * @module
 */

import { callCommands } from "./call_commands.ts";
import type { Command, CommandFlag } from "./command.ts";

/** All commands. The first command is the default. */
export const commands = {
  serve: {
    description:
      "Run the agent: serve the host's requests. The default command.",
    configured: true,
    flags: {},
  },
  install: {
    description: "Install Lull into a root filesystem, or remove it.",
    configured: false,
    needs: ["root"],
    notes: ["Exit codes: 0 done; 1 the system refused it; 2 wrong usage."],
    flags: {
      root: {
        value: "DIR",
        description: "Root of the filesystem; / is this system.",
      },
      binary: {
        value: "FILE",
        description: "Binary to install; the default is the running one.",
      },
      preload: {
        value: "LIST",
        description:
          "Instead, preloads: python, node, node-openssl, bun, deno.",
      },
      uninstall: { description: "Remove what an install wrote." },
      "dry-run": {
        description: "Print what would be done, and change nothing.",
      },
    },
  },
  doctor: {
    description: "Check what works in this guest, and print remedies.",
    configured: true,
    flags: { json: { description: "Print JSON." } },
    notes: [
      "A ! stands before what this configuration needs and lacks.",
      "Exit codes: 0 it lacks nothing; 1 it lacks something; 2 wrong usage.",
    ],
  },
  ready: {
    description: "In the guest: wait for the recovery, print the identity.",
    configured: true,
    flags: {
      timeout: {
        value: "SECONDS",
        description: "Time limit; without it, there is none.",
      },
    },
    notes: [
      "Exit codes: 0 recovered; 1 not in time; 2 wrong usage; 3 no agent is",
      "there, or it ended.",
    ],
  },
  ...callCommands,
} as const satisfies Record<string, Command>;

/** The name of a command. */
export type CommandName = keyof typeof commands;

/** The flags of all commands, for the parser of the command line. */
export const commandFlags: readonly (readonly [string, CommandFlag])[] = Object
  .values(commands).flatMap(({ flags }) => Object.entries(flags));
