/**
 * What every command that calls an agent gets.
 * @module
 */
import type { LullClient } from "../client/mod.ts";
import type { Flags } from "./flags.ts";

/** What a command needs. */
export interface CommandContext {
  readonly client: LullClient;
  readonly flags: Flags;
  readonly isJson: boolean;
  readonly timeoutMs: number;
  /** Prints a line of the result. */
  readonly print: (text: string) => void;
  /** Shows how far the command is; replaces the text before; empty to remove it. */
  readonly progress: (text: string) => void;
}
