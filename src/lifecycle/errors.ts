/**
 * The errors of the lifecycle and of its steps.
 * @module
 */
import type { StepReport } from "./reports.ts";
import type { Trigger } from "./request.ts";
import type { Effect } from "./step.ts";

/** A step or an undo failed after it had an effect, which its report contains. */
export class PartlyDone extends Error {
  override readonly name: string = "PartlyDone";
  constructor(message: string, readonly effect: Effect) {
    super(message);
  }
}

/** A required step failed. The message contains the reason of its report. */
export class StepFailed extends Error {
  override readonly name = "StepFailed";
  constructor({ name, status, reason }: StepReport) {
    super(`step ${name} ${status}: ${reason}`);
  }
}

/** The effect of a step ended by itself before all steps were done. */
export class Lapsed extends Error {
  override readonly name = "Lapsed";
  constructor(step: string) {
    super(`the effect of step ${step} ended before all steps were done`);
  }
}

/** Why an operation was aborted or recovered. */
export interface Cause {
  readonly trigger: Trigger;
  /** The name of the signal, if the trigger is one. */
  readonly signal?: string;
}

/** The operation was aborted before it was quiesced, or overtaken after that. */
export class Aborted extends Error {
  override readonly name = "Aborted";
  constructor(cause: Cause) {
    super(wordsOf(cause));
  }
}

function wordsOf({ trigger, signal }: Cause): string {
  switch (trigger) {
    case "signal":
      return `it was aborted by ${signal ?? "a signal"}`;
    case "lease":
      return "its lease ended";
    default:
      return `it was aborted by a call to ${trigger}`;
  }
}

/** A call names an operation other than the one that it would act on. */
export class OtherOperation extends Error {
  override readonly name = "OtherOperation";
  constructor() {
    super("Cannot act on this operation: another one is under way");
  }
}

/** A prepare asks for another kind of snapshot than the operation that it would join. */
export class OtherKind extends Error {
  override readonly name = "OtherKind";
  constructor() {
    super(
      "Cannot join this operation: it prepares for another kind of snapshot",
    );
  }
}

/** The agent is ending and refuses every prepare. */
export class Ending extends Error {
  override readonly name = "Ending";
  constructor() {
    super("Cannot prepare: the agent is ending");
  }
}
