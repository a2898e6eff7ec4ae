/**
 * What a row of the plan says about its step.
 * @module
 */
import type { Kind } from "./request.ts";

/** Whether the failure of a step or a freeze hook aborts the prepare. */
export type Policy = "abort" | "continue";

/** The limits that the configuration gives, in milliseconds. */
export interface Limits {
  /** For all freeze hooks together, and the same for all thaw hooks together. */
  readonly hooksLimitMs: number;
  /** Until the workload is frozen, and the same until it is thawed. */
  readonly workloadLimitMs: number;
  /** How long mounts may be frozen. */
  readonly freezeHoldMs: number;
}

/** A duration, fixed or computed from the configuration. */
export type Milliseconds = number | ((limits: Limits) => number);

/** One row of the plan. */
export interface Row {
  readonly step: string;
  /** The kinds of snapshot whose prepare has the step. */
  readonly kinds: readonly Kind[];
  readonly onFailure: Policy;
  /** Milliseconds that the step may take, and the same for its undo. */
  readonly limitMs: Milliseconds;
  /** Milliseconds to undo its own part and stop after the limit; default STOP_MS. */
  readonly stopMs?: Milliseconds;
  /** The step does not act while an earlier step runs past its limit. */
  readonly needsIdle?: boolean;
  /** The step takes part in a dry run, where it changes nothing that lasts. */
  readonly inDryRun?: boolean;
  /** The repair before which a recovery undoes the step; otherwise after all repairs. */
  readonly undoBefore?: string;
}
