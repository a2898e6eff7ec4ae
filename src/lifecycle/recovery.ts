/**
 * How an operation ended.
 * @module
 */
import type { Evidence } from "../evidence_report.ts";
import type { Operation } from "./operation.ts";
import type { Outcome, StepReport, Trigger } from "./step.ts";

/** How an operation ended, step by step. */
export interface Recovery {
  readonly operation: string;
  readonly trigger: Trigger | "failure";
  readonly outcome: Outcome;
  /** The generation that this recovery began. */
  readonly generation: number;
  readonly ms: number;
  /** What the guest itself could find out about a restore. */
  readonly evidence?: Evidence;
  readonly steps: readonly StepReport[];
}

/** A prepare that did not hold; everything it did is undone. */
export class PrepareFailed extends Error {
  override readonly name = "PrepareFailed";
  constructor(readonly operation: Operation, readonly undo: Recovery) {
    const broken = operation.reports.findLast((step) =>
      step.reason !== undefined && step.status !== "skipped"
    );
    super(
      operation.aborted
        ? "Cannot prepare: it was aborted by a call to recover"
        : `Cannot prepare: step ${broken?.name} ${broken?.status}: ${broken?.reason}`,
    );
  }
}

/** How it ended where the host did not say. */
export function outcomeOf(
  trigger: Recovery["trigger"],
  evidence: Evidence | undefined,
): Outcome {
  switch (trigger) {
    case "lease":
      return "expired";
    case "signal":
      return "aborted";
    default:
      return evidence?.restored ? "restored" : "resumed";
  }
}
