/**
 * What a repair gets to know, as a test wants it.
 */
import type {
  Effect,
  RecoverRequest,
  RecoveryContext,
  Repair,
} from "../../src/lifecycle/step.ts";

/** A context of a restored machine. */
export function contextOf<R extends object>(
  request: R & RecoverRequest,
  more: Partial<RecoveryContext> = {},
): RecoveryContext {
  return {
    operation: "op",
    generation: 3,
    kind: "full",
    request,
    trigger: "recover",
    outcome: "restored",
    wasQuiesced: true,
    signal: new AbortController().signal,
    ...more,
  };
}

/** Runs a repair; gives its effect, or `{skipped}`. */
export async function repairWith<R extends object>(
  repair: Repair,
  request: R & RecoverRequest,
  more: Partial<RecoveryContext> = {},
): Promise<Effect> {
  return await repair.repair(contextOf(request, more)) as Effect;
}
