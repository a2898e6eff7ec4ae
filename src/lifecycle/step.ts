/**
 * What steps and repairs are. Their order, policies and limits are in plan.ts.
 * @module
 */
import type { Outcome, RecoverRequest, Trigger } from "./request.ts";

export type { Outcome, RecoverRequest, Trigger } from "./request.ts";

/** What a step did, in figures and words that go into the report. */
export type Effect = Readonly<Record<string, unknown>>;

/** What a step may know while it quiesces. */
export interface StepContext {
  /** The operation's id. */
  readonly operation: string;
  /** The generation that the guest is in. */
  readonly generation: number;
  /**
   * Aborted at the step's limit, and when its operation is aborted or overtaken.
   * The step ends soon after that, and has undone its own part if it throws.
   */
  readonly signal: AbortSignal;
  /** True in a dry run: the step changes nothing that lasts and nothing outside this process. */
  readonly dryRun?: boolean;
}

/** What an undo or a repair may know. */
export interface RecoveryContext {
  readonly operation: string;
  /** The generation that this recovery begins. */
  readonly generation: number;
  readonly request: RecoverRequest;
  /** `failure`: the prepare failed, and nobody asked for the undo. */
  readonly trigger: Trigger | "failure";
  readonly outcome: Outcome;
  /** False if the prepare did not hold: the machine was not frozen since then. */
  readonly held: boolean;
  /** Aborted at the limit of the undo or repair. */
  readonly signal: AbortSignal;
  /** True in a dry run: as in {@linkcode StepContext}. */
  readonly dryRun?: boolean;
}

/** Takes back what a step did. */
export type Undo = (
  context: RecoveryContext,
) => Promise<Effect | void> | Effect | void;

/** A step or repair that has nothing to do here, and why. */
export interface Skipped {
  readonly skipped: string;
}

/** The result of a step or repair whose only effect is one that a dry run must not have. */
export const SKIPPED_IN_DRY_RUN: Skipped = {
  skipped: "a dry run changes nothing",
};

/** A step that was done; without an undo it leaves nothing to take back. */
export interface Done {
  readonly effect: Effect;
  readonly undo?: Undo;
}

/** One thing that prepare does. If it throws, it has undone its own part. */
export interface Step {
  quiesce(context: StepContext): Promise<Done | Skipped> | Done | Skipped;
}

/** One thing that recovery alone does, before any undo. */
export interface Repair {
  repair(
    context: RecoveryContext,
  ): Promise<Effect | Skipped> | Effect | Skipped;
}

/** What became of a step, an undo or a repair. */
export interface StepReport {
  readonly name: string;
  /**
   * `timeout`: not done within its limit. `overtaken`: the operation ended
   * before the step did.
   */
  readonly status: "done" | "skipped" | "failed" | "timeout" | "overtaken";
  /** How long it took, in milliseconds. */
  readonly ms: number;
  readonly effect?: Effect;
  /** Why it was skipped, or how it failed. */
  readonly reason?: string;
}
