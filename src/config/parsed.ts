/**
 * What the command line says: a command, with its configuration or its flags.
 * @module
 */
import type { CallCommandName } from "./call_commands.ts";
import type { PreloadName } from "./preloads.ts";
import type { Config } from "./schema.ts";

/** The command, with its parsed configuration or flags. */
export type Parsed =
  | { readonly kind: "serve"; readonly config: Config }
  | {
    readonly kind: "install";
    /** The directory of the root filesystem, as the user wrote it. */
    readonly root: string;
    /** The binary to install; undefined stands for the running binary. */
    readonly binary: string | undefined;
    /** The preloads to install or remove, and nothing else; undefined stands for the agent. */
    readonly preload: readonly PreloadName[] | undefined;
    /** Removes Lull from the tree. */
    readonly uninstall: boolean;
    /** Changes nothing. */
    readonly dryRun: boolean;
  }
  | {
    readonly kind: "doctor";
    readonly config: Config;
    readonly json: boolean;
  }
  | {
    readonly kind: "call";
    readonly command: CallCommandName;
    /** The values of the flags, by their names; true for a switch. */
    readonly flags: Readonly<Record<string, string | true>>;
  }
  | {
    readonly kind: "ready";
    readonly config: Config;
    /** The values of the flags, by their names; true for a switch. */
    readonly flags: Readonly<Record<string, string | true>>;
  }
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "version" }
  /** The version of E2B's agent, which E2B's host asks for with one dash. */
  | { readonly kind: "envd-version" };
