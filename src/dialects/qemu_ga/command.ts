/**
 * The type of a command of the protocol, and what commands use of the agent.
 * @module
 */
import type { Lifecycle } from "../../lifecycle/lifecycle.ts";
import type { Trimmed } from "../../linux/trim.ts";
import type { Libc } from "../../linux/libc.ts";
import type { FilesystemFreeze } from "./freeze.ts";
import type { Parameters, Request } from "./request.ts";

/** The parts of the agent that commands use. */
export interface Guest {
  readonly lifecycle: Pick<Lifecycle, "state">;
  readonly freeze: Pick<FilesystemFreeze, "status" | "freeze" | "thaw">;
  readonly libc: Libc;
  /** Trims all writable filesystems on disks. */
  readonly trim: (minimum: number) => Promise<readonly Trimmed[]>;
  /** Runs a program to its end; rejects if it fails. */
  readonly execute: (path: string, args: readonly string[]) => Promise<void>;
}

/** A command of the protocol. */
export interface Command {
  readonly parameters?: Parameters;
  /** Whether the command is allowed while filesystems are frozen. */
  readonly whileFrozen?: true;
  /** The command changes what a prepare has made sure of, so the guest must run. */
  readonly needsRunning?: true;
  /** The command has no reply if it succeeds. */
  readonly silent?: true;
  /** Returns the value of the reply. Throws a ProtocolError or any other error. */
  run(guest: Guest, args: Request["args"]): unknown;
}
