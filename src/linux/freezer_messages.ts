/**
 * The messages between the mount freezer and its worker.
 * @module
 */
import type { MountedAt, MountToFreeze } from "./fsfreeze.ts";
import type { RealPaths } from "./real_paths.ts";

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
  | { readonly kind: "rescue"; readonly mounts: readonly MountedAt[] };

/** The result of the thaw, by mount points. */
export interface Thawed {
  readonly [key: string]: unknown;
  readonly thawed: readonly string[];
  /** Another program had thawed them before. */
  readonly notFrozen: readonly string[];
  /** The reasons of the mounts that could not be thawed. */
  readonly failed: readonly string[];
  /** The worker thawed the mounts by itself, because the hold lasted too long. */
  readonly expired: boolean;
  readonly heldMs: number;
}

/** The result of a rescue: mount points that were thawed, and reasons of the failures. */
export interface Rescued {
  readonly thawed: readonly string[];
  readonly failed: readonly string[];
}

/** The answer to a command. */
export type FreezerAnswer =
  | {
    readonly kind: "done";
    readonly command: "resolve";
    readonly paths: RealPaths;
  }
  | {
    readonly kind: "done";
    readonly command: "freeze";
    readonly frozen: readonly string[];
    readonly already: readonly string[];
    /** Mounts to freeze if possible, whose kind of filesystem cannot be frozen. */
    readonly unsupported: readonly string[];
  }
  | ({ readonly kind: "done"; readonly command: "thaw" } & Thawed)
  | ({ readonly kind: "done"; readonly command: "rescue" } & Rescued)
  | {
    readonly kind: "failed";
    readonly command: FreezerCommand["kind"];
    readonly reason: string;
  };

/** An event from the worker. */
export type FreezerEvent =
  /** The worker is about to make a call on this path, which may never return. */
  | { readonly kind: "at"; readonly path: string }
  | { readonly kind: "froze"; readonly mount: MountedAt }
  | FreezerAnswer;
