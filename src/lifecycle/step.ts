/**
 * What a step is, and how one is run: within its time, measured, its failure
 * caught and told.
 * @module
 */

import { after } from "../after.ts";
import type { ClockRequest } from "../steps/clock.ts";
import type { EntropyRequest } from "../steps/entropy.ts";
import type { NetworkRequest } from "../steps/network.ts";

/** What a step did, in figures and words that go into the report. */
export type Effect = Readonly<Record<string, unknown>>;

/** What a step may know while it quiesces. */
export interface StepContext {
  /** The operation's id. */
  readonly operation: string;
  /** The generation that the guest is in. */
  readonly generation: number;
  /** Aborted when the operation is given up or overtaken by its recovery. */
  readonly signal: AbortSignal;
}

/** Who asked for a recovery. */
export type Trigger = "health" | "recover" | "evidence" | "lease" | "signal";

/** How an operation ended. */
export type Outcome = "restored" | "resumed" | "expired" | "aborted";

/** What a caller may tell a recovery. */
export interface RecoverRequest
  extends ClockRequest, EntropyRequest, NetworkRequest {
  /** How the operation ended, as the host knows it. */
  readonly outcome?: Outcome;
  /** Whether the guest is to count as ill until its random pool is new. */
  readonly requireEntropy?: boolean;
}

/** What an undo or a repair may know. */
export interface RecoveryContext {
  readonly operation: string;
  /** The generation that this recovery begins. */
  readonly generation: number;
  readonly request: RecoverRequest;
  readonly trigger: Trigger | "failure";
  readonly outcome: Outcome;
  readonly signal: AbortSignal;
}

/** Takes back what a step did. */
export type Undo = (
  context: RecoveryContext,
) => Promise<Effect | void> | Effect | void;

/** A step that has nothing to do here, and why. */
export interface Skipped {
  readonly skipped: string;
}

/** A step that was done; without an undo it leaves nothing to take back. */
export interface Done {
  readonly effect: Effect;
  readonly undo?: Undo;
}

/** One thing that prepare does. If it throws, it has undone its own part. */
export interface Step {
  readonly name: string;
  /** Milliseconds that quiesce, and the undo, may each take. */
  readonly limitMs: number;
  /** What a failure means for the prepare. */
  readonly onFailure: "abort" | "continue";
  quiesce(context: StepContext): Promise<Done | Skipped> | Done | Skipped;
}

/** One thing that recovery alone does, before any undo. */
export interface Repair {
  readonly name: string;
  readonly limitMs: number;
  repair(
    context: RecoveryContext,
  ): Promise<Effect | Skipped> | Effect | Skipped;
}

/** What became of a step, an undo or a repair. */
export interface StepReport {
  readonly name: string;
  readonly status: "done" | "skipped" | "failed" | "timeout" | "overtaken";
  /** How long it took, in milliseconds. */
  readonly ms: number;
  readonly effect?: Effect;
  /** Why it was skipped, or how it failed. */
  readonly reason?: string;
}

/** The report of one run, and its value if it ended well and in time. */
export interface Ran<T> {
  readonly report: StepReport;
  readonly value?: T;
}

interface RunOptions<T> {
  readonly name: string;
  readonly limitMs: number;
  /** Stops the waiting, as the limit does. */
  readonly signal?: AbortSignal;
  /** Gets the value of a run that ended after nobody waited any more. */
  readonly late?: (value: T) => void;
}

const LIMIT = Symbol("limit");
const ABORTED = Symbol("aborted");

/**
 * Runs one action within its limit and never throws. What ends too late is
 * handed to `late`, so that its undo is not lost. What is done at once is waited
 * for by no timer: a recovery has many of those, and its caller waits.
 */
export async function run<T extends Effect | Done | Skipped>(
  options: RunOptions<T>,
  action: () => Promise<T> | T,
): Promise<Ran<T>> {
  const { name, limitMs, signal } = options;
  const start = performance.now();
  const report = (status: StepReport["status"], more: Partial<StepReport>) => ({
    report: { name, status, ms: since(start), ...more },
  });
  // Without spreading: what a recovery's caller waits for mostly ends like this.
  const ended = (value: T): Ran<T> => {
    const ms = since(start);
    if ("skipped" in value) {
      const reason = String(value.skipped);
      return { report: { name, status: "skipped", ms, reason } };
    }
    const effect = "effect" in value ? value.effect as Effect : value as Effect;
    return { report: { name, status: "done", ms, effect }, value };
  };
  // Some failures know what was done all the same.
  const broken = (error: unknown): Ran<T> => {
    const { effect } = error as { effect?: Effect };
    return report("failed", { reason: messageOf(error), effect });
  };
  let work: Promise<T> | T;
  try {
    work = action();
  } catch (error) {
    return broken(error);
  }
  if (!(work instanceof Promise)) return ended(work);
  let waiting = true;
  work.then((value) => waiting ? undefined : options.late?.(value), () => {});
  let callOff: (() => void) | undefined;
  let onAbort: (() => void) | undefined;
  try {
    const value = await Promise.race([
      work,
      new Promise<typeof LIMIT>((resolve) => {
        callOff = after(limitMs, () => resolve(LIMIT));
      }),
      new Promise<typeof ABORTED>((resolve) => {
        onAbort = () => resolve(ABORTED);
        if (signal?.aborted) onAbort();
        else signal?.addEventListener("abort", onAbort);
      }),
    ]);
    if (value === LIMIT) {
      return report("timeout", { reason: `not done within ${limitMs} ms` });
    }
    if (value === ABORTED) return report("overtaken", {});
    return ended(value);
  } catch (error) {
    return broken(error);
  } finally {
    waiting = false;
    callOff?.();
    if (onAbort !== undefined) signal?.removeEventListener("abort", onAbort);
  }
}

/** Milliseconds since a time of performance.now(), to the microsecond. */
export function since(start: number): number {
  return Math.round((performance.now() - start) * 1000) / 1000;
}

/** The words of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
