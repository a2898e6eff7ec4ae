/**
 * The messages between the mount freezer and its worker.
 * @module
 */
import type { MountedAt, MountToFreeze } from "./fsfreeze.ts";
import type { RealPaths } from "./real_paths.ts";
import type { Trimmed } from "./trim.ts";

/** A command to the worker. */
export type FreezerCommand =
  /** Resolve the links in these paths. */
  | { readonly kind: "resolve"; readonly paths: readonly string[] }
  | {
    readonly kind: "freeze";
    /** The mounts in the order in which to freeze them. */
    readonly mounts: readonly MountToFreeze[];
    /** Milliseconds after which the worker thaws the mounts by itself. */
    readonly holdMs: number;
  }
  /** Thaw the mounts that this worker froze. */
  | { readonly kind: "thaw" }
  /** Thaw mounts that another worker, or an agent that was killed, froze. */
  | { readonly kind: "rescue"; readonly mounts: readonly MountedAt[] }
  /** Tell the disks of these mounts which ranges of at least `minimum` bytes are free. */
  | {
    readonly kind: "trim";
    readonly mounts: readonly MountedAt[];
    readonly minimum: number;
  };

/** The result of a freeze, by mount points. */
export interface FrozenMounts {
  readonly frozen: readonly string[];
  /** Mounts that another program froze before. They stay frozen. */
  readonly already: readonly string[];
  /** Mounts to freeze if possible, whose kind of filesystem cannot be frozen. */
  readonly unsupported: readonly string[];
}

/** The mount points that were thawed, and reasons of the failures. */
interface Tried {
  readonly thawed: readonly string[];
  readonly failed: readonly string[];
}

/** The result of a rescue. */
export interface Rescued extends Tried {
  /** The mounts that could not be thawed. */
  readonly left: readonly MountedAt[];
}

/** The result of the thaw of the mounts that the worker froze. */
export interface Thawed extends Tried {
  readonly [key: string]: unknown;
  /** Another program had thawed them before. */
  readonly notFrozen: readonly string[];
  /** The worker thawed the mounts by itself, because the hold lasted too long. */
  readonly expired: boolean;
  readonly heldMs: number;
}

/** The results of the commands, by their kind. */
export interface FreezerResults {
  readonly resolve: RealPaths;
  readonly freeze: FrozenMounts;
  readonly thaw: Thawed;
  readonly rescue: Rescued;
  readonly trim: readonly Trimmed[];
}

/** The kind of a command. */
export type CommandKind = keyof FreezerResults;

/** An event from the worker. */
export type FreezerEvent =
  /** The worker is about to make a call on this path, which may never return. */
  | { readonly kind: "at"; readonly path: string }
  | { readonly kind: "froze"; readonly mount: MountedAt }
  /** The answer to a command: its result, or the reason of its failure. */
  | {
    readonly kind: "answer";
    readonly command: CommandKind;
    readonly result?: FreezerResults[CommandKind];
    readonly reason?: string;
  };
