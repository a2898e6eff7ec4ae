/**
 * Defines steps and repairs. Their order, policies and limits are in plan.ts.
 * @module
 */
import type {
  FreezeRequest,
  Kind,
  Outcome,
  RecoverRequest,
  Trigger,
  WorkloadRequest,
} from "./request.ts";
import type { Span } from "./trace.ts";

export type { Kind, Outcome, RecoverRequest, Trigger } from "./request.ts";

/** What a step did, as fields of its report. */
export type Effect = Readonly<Record<string, unknown>>;

/** The context of a step while it quiesces. */
export interface StepContext {
  /** The operation's id. */
  readonly operation: string;
  /** The generation that the guest is in. */
  readonly generation: number;
  /** The kind of snapshot that the guest prepares for. */
  readonly kind: Kind;
  /** How filesystems are frozen, if the request says it. */
  readonly freeze?: FreezeRequest;
  /**
   * Aborted at the step's limit, and when its operation is aborted or overtaken.
   * The step must then end soon. If it throws, it must have undone its own part.
   */
  readonly signal: AbortSignal;
  /** True in a dry run: the step changes nothing that lasts and nothing outside this process. */
  readonly dryRun?: boolean;
  /** The span of the step, if the call is traced. */
  readonly span?: Span;
  /** How the host wants the workload to be frozen, if not as configured. */
  readonly workload?: WorkloadRequest;
}

/** The context of an undo or a repair. */
export interface RecoveryContext {
  readonly operation: string;
  /** The generation that this recovery begins. */
  readonly generation: number;
  /** The kind of snapshot that the guest had prepared for. */
  readonly kind: Kind;
  readonly request: RecoverRequest;
  /** `failure`: the prepare failed and is undone without a call. */
  readonly trigger: Trigger | "failure";
  readonly outcome: Outcome;
  /** False if the prepare failed: the hypervisor did not freeze the machine during the operation. */
  readonly wasQuiesced: boolean;
  /** Aborted at the limit of the undo or repair. */
  readonly signal: AbortSignal;
  /** True in a dry run: as in {@linkcode StepContext}. */
  readonly dryRun?: boolean;
  /** The span of the undo or repair, if the call is traced. */
  readonly span?: Span;
}

/** Undoes a step. */
export type Undo = (
  context: RecoveryContext,
) => Promise<Effect | void> | Effect | void;

/** The result of a step or a repair that has nothing to do. */
export interface Skipped {
  /** The reason. */
  readonly skipped: string;
}

/** The result of a step or repair whose only effect is one that a dry run must not have. */
export const SKIPPED_IN_DRY_RUN: Skipped = {
  skipped: "a dry run changes nothing",
};

/** The result of a step or repair that needs the C library, if there is none. */
export const WITHOUT_LIBC: Skipped = {
  skipped: "the C library could not be loaded",
};

/** The result of a step that was done. Without an undo, nothing is left to undo. */
export interface Done {
  readonly effect: Effect;
  readonly undo?: Undo;
  /** Whether the effect still lasts, if it may end before its undo. */
  readonly lasts?: () => boolean;
}

/** The result of a repair that found data for this fork, as a host sends it to recover. */
export class Found {
  constructor(
    readonly effect: Effect,
    /** The data, for the repairs after this one. A field that the host's call has counts instead. */
    readonly request: RecoverRequest,
  ) {}
}

/** A step of a prepare. If it throws, it must have undone its own part. */
export interface Step {
  quiesce(context: StepContext): Promise<Done | Skipped> | Done | Skipped;
}

/** A repair, which a recovery runs before the undos. */
export interface Repair {
  repair(
    context: RecoveryContext,
  ): Promise<Effect | Skipped | Found> | Effect | Skipped | Found;
  /**
   * Whether the guest still has what this repair gave it for such a request. Without this method, it
   * has.
   */
  isInPlace?(request: RecoverRequest): Promise<boolean>;
}
