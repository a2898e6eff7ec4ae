/**
 * The end of an operation: its repairs and undos, its outcome and its report.
 * @module
 */
import type { Operation } from "./operation.ts";
import type { PlannedRepair } from "./make_plan.ts";
import type { Evidence, Recovery } from "./reports.ts";
import {
  type Field,
  forgetSecrets,
  type Outcome,
  type RecoverRequest,
} from "./request.ts";
import type { UndoContext } from "./undos.ts";
import { messageOf, since } from "../util/errors.ts";

/** The result of a call to recover. */
export interface Recovered {
  /** The recovery that this call triggered or waited for, if there was one. */
  readonly recovery?: Recovery;
  /** Fields of the request that could not be applied. */
  readonly notApplied: readonly Field[];
}

/** The result of a call that triggered the recovery. */
export type RecoveredOperation = Recovered & { readonly recovery: Recovery };

/** A prepare failed, and everything that it did is undone. */
export class PrepareFailed extends Error {
  override readonly name = "PrepareFailed";
  constructor(
    readonly operation: Operation,
    readonly undo: Recovery,
    cause: unknown,
  ) {
    super(`Cannot prepare: ${messageOf(cause)}`, { cause });
  }
}

/** How an operation is recovered or undone. */
interface UndoAllOptions {
  /** The repairs of a recovery; undefined if the prepare failed. */
  readonly repairs: readonly PlannedRepair[] | undefined;
  readonly trigger: Recovery["trigger"];
  readonly request: RecoverRequest;
  /** The generation that the guest is in. */
  readonly generation: number;
  readonly evidence: () => Promise<Evidence | undefined>;
}

/** A recovery, and its request with all the data that the repairs have found. */
interface Undone {
  readonly recovery: Recovery;
  readonly request: RecoverRequest;
}

/** Repairs what a restore broke, and undoes what the operation did. */
export async function undoAll(
  operation: Operation,
  { repairs, trigger, ...options }: UndoAllOptions,
): Promise<Undone> {
  const start = performance.now();
  await operation.settling;
  const wasQuiesced = repairs !== undefined;
  const evidence = wasQuiesced ? await options.evidence() : undefined;
  const contextOf = (request: RecoverRequest): UndoContext => ({
    ...{ trigger, wasQuiesced, generation, request },
    outcome: request.outcome ??
      (wasQuiesced ? outcomeOf(trigger, evidence) : undoneBy(trigger)),
    ...trace && { trace },
  });
  const generation = options.generation + (wasQuiesced ? 1 : 0);
  // The undo of a failed prepare is a part of the prepare.
  const { trace } = wasQuiesced ? options.request : operation.call;
  let context = contextOf(options.request);
  let secrets: RecoverRequest = {};
  const steps = await operation.undos.run(
    repairs ?? [],
    context,
    (found) => {
      secrets = found.request;
      return context = contextOf(completed(context.request, found.request));
    },
  );
  forgetSecrets(secrets);
  trace?.end();
  const { outcome, request } = context;
  const recovery = {
    ...{ operation: operation.id, kind: operation.kind },
    ...{ trigger, outcome, generation },
    ...{ ms: since(start), evidence, steps },
    ...wasQuiesced && trace && { trace: trace.report() },
  };
  return { recovery, request };
}

/** The request with the data that a repair has found, where the request itself has none. */
function completed(
  request: RecoverRequest,
  found: RecoverRequest,
): RecoverRequest {
  // The time in which a call arrived says nothing about a time that another source gave.
  const { receivedAt, ...given } = request;
  const ownTime = given.hostTime === undefined ? {} : { receivedAt };
  return { ...found, ...given, ...ownTime };
}

/**
 * The outcome, if the host did not say it: evidence of a restore decides,
 * whatever triggered the recovery.
 */
function outcomeOf(
  trigger: Recovery["trigger"],
  evidence: Evidence | undefined,
): Outcome {
  if (evidence?.restored) return "restored";
  switch (trigger) {
    case "lease":
      return "expired";
    case "signal":
      return "aborted";
    default:
      return "resumed";
  }
}

/** The outcome of a failed prepare. */
function undoneBy(trigger: Recovery["trigger"]): Outcome {
  return trigger === "lease" ? "expired" : "aborted";
}
