/**
 * What the mount freezer and its thread tell each other.
 * @module
 */
import type { MountedAt } from "./fsfreeze.ts";
import type { RealPaths } from "./real_paths.ts";

/** What the thread is told. */
export type FreezerOrder =
  /** Resolves the links in these paths. */
  | { readonly kind: "resolve"; readonly paths: readonly string[] }
  | {
    readonly kind: "freeze";
    /** In the order in which they are to be frozen. */
    readonly mounts: readonly MountedAt[];
    /** Milliseconds after which they thaw by themselves. */
    readonly holdMs: number;
  }
  /** Thaws what this thread has frozen. */
  | { readonly kind: "thaw" }
  /** Thaws what another thread, or a killed agent, has frozen. */
  | { readonly kind: "rescue"; readonly mounts: readonly MountedAt[] };

/** What became of the mounts at their thaw. */
export interface Thawed {
  readonly [key: string]: unknown;
  readonly thawed: readonly string[];
  /** Another program had thawed them before. */
  readonly notFrozen: readonly string[];
  readonly failed: readonly string[];
  /** They thawed by themselves, because they were held too long. */
  readonly expired: boolean;
  readonly heldMs: number;
}

/** What became of the mounts of another thread or agent; mount points, reasons. */
export interface Rescued {
  readonly thawed: readonly string[];
  readonly failed: readonly string[];
}

/** How an order ended. */
export type FreezerAnswer =
  | {
    readonly kind: "done";
    readonly order: "resolve";
    readonly paths: RealPaths;
  }
  | {
    readonly kind: "done";
    readonly order: "freeze";
    readonly frozen: readonly string[];
    readonly already: readonly string[];
  }
  | ({ readonly kind: "done"; readonly order: "thaw" } & Thawed)
  | ({ readonly kind: "done"; readonly order: "rescue" } & Rescued)
  | {
    readonly kind: "failed";
    readonly order: FreezerOrder["kind"];
    readonly reason: string;
  };

/** What the thread tells. */
export type FreezerNews =
  /** It is about to make a call on this path, which may not return. */
  | { readonly kind: "at"; readonly path: string }
  | { readonly kind: "froze"; readonly mount: MountedAt }
  | FreezerAnswer;
