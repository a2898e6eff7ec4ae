/**
 * What the mount freezer and its thread tell each other.
 * @module
 */

/** What the thread is told. */
export type FreezerOrder =
  | {
    readonly kind: "freeze";
    /** In the order in which they are to be frozen. */
    readonly mounts: readonly string[];
    /** Milliseconds after which they thaw by themselves. */
    readonly holdMs: number;
  }
  | { readonly kind: "thaw" };

/** What became of the mounts at their thaw. */
export interface Thawed {
  readonly [key: string]: unknown;
  readonly thawed: readonly string[];
  /** Somebody else had thawed them before. */
  readonly notFrozen: readonly string[];
  readonly failed: readonly string[];
  /** They thawed by themselves, because they were held too long. */
  readonly expired: boolean;
  readonly heldMs: number;
}

/** What the thread tells. */
export type FreezerNews =
  | { readonly kind: "froze"; readonly mount: string }
  | {
    readonly kind: "frozen";
    readonly frozen: readonly string[];
    readonly already: readonly string[];
  }
  | {
    readonly kind: "failed";
    readonly order: FreezerOrder["kind"];
    readonly reason: string;
  }
  | ({ readonly kind: "thawed" } & Thawed);
