/**
 * The options of the lifecycle.
 * @module
 */
import type { Timers } from "../util/timers.ts";
import type { Operation } from "./operation.ts";
import type { Plan } from "./make_plan.ts";
import type { Evidence, Recovery } from "./reports.ts";
import type { Call, Kind, Requirements } from "./request.ts";

/** What the lifecycle needs. */
export interface LifecycleOptions {
  readonly plan: Plan;
  /**
   * Makes this lifecycle a dry run: only the steps and repairs that the plan marks take part, and their
   * contexts say so. False if not given.
   */
  readonly dryRun?: boolean;
  readonly leaseSeconds: number;
  /** The timers of the lease; those of the runtime if not given. */
  readonly timers?: Timers;
  /** The kind of snapshot if a prepare names none; `full` if not given. */
  readonly kind?: Kind;
  readonly newId: () => string;
  /** The current generation, which the next recovery increases; 0 if not given. */
  readonly generation?: number;
  /** What hosts required of a former agent, which ended before it was met. */
  readonly required?: Requirements;
  /** Called with each change of what is required and not met, before the repairs run; must not throw. */
  readonly onRequired?: (required: Requirements) => void;
  /** Looks for evidence of a restore since the prepare. */
  readonly evidence?: () => Promise<Evidence | undefined>;
  /** Called before the first step of a prepare; an error fails the prepare. */
  readonly onPrepare?: (operation: Operation) => void;
  /** Called when a recovery or an undo begins; must not throw. */
  readonly onUndo?: (operation: Operation, call: Call) => void;
  /** Called when the guest is about to be quiesced; an error fails the prepare. */
  readonly onQuiet?: (operation: Operation) => void;
  readonly onSettled?: () => void;
  /** Called when the lease starts over: its timer was late by so many milliseconds. */
  readonly onJump?: (lateMs: number) => void;
  /** Called after each recovery and each undo, in the state running. */
  readonly onRunning?: (
    operation: Operation,
    recovery: Recovery,
  ) => void;
  /** Called with an error of a callback, or of work that no caller waits for. */
  readonly onError?: (error: unknown) => void;
}
