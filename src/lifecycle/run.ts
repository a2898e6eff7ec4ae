/**
 * Runs one action of a step, an undo or a repair within its limit, measures it, and
 * reports its failure.
 * @module
 */
import { timeout } from "../util/timeout.ts";
import type { StepReport } from "./reports.ts";
import type { Done, Effect, Skipped } from "./step.ts";
import { messageOf, since } from "../util/errors.ts";

/**
 * Milliseconds that an action gets to stop once its signal is aborted. Actions
 * poll every few milliseconds; the value leaves time for a busy machine.
 */
export const STOP_MS = 250;

/** How an action is run. */
export interface RunOptions {
  readonly name: string;
  /** Milliseconds until the action's signal is aborted. */
  readonly limitMs: number;
  /** Aborts the action's signal as well, when its operation is aborted. */
  readonly overtaken?: AbortSignal;
  /** Milliseconds to stop after the signal is aborted; default {@linkcode STOP_MS}. */
  readonly stopMs?: number;
}

/** The result of running an action. */
export interface Ran<T> {
  readonly report: StepReport;
  /** The value of the action, if the action ended in time. */
  readonly value?: T;
  /** The promise of the action, if it still runs after its signal was aborted. */
  readonly running?: Promise<T>;
}

const LIMIT = Symbol("limit");
const OVERTAKEN = Symbol("overtaken");
type Cut = typeof LIMIT | typeof OVERTAKEN;

/** Runs one action. Never rejects. */
export async function run<T extends Effect | Done | Skipped>(
  options: RunOptions,
  action: (signal: AbortSignal) => Promise<T> | T,
): Promise<Ran<T>> {
  const start = performance.now();
  const control = new AbortController();
  const report = (status: StepReport["status"], more: Partial<StepReport>) => ({
    ...{ name: options.name, status, ms: since(start), ...more },
  });
  try {
    const work = action(control.signal);
    if (!(work instanceof Promise)) return ended(report, work);
    const cut = await firstOf(work, options);
    if (typeof cut !== "symbol") return ended(report, cut);
    control.abort();
    return await stopped(report, cut, work, options);
  } catch (error) {
    return { report: report("failed", reasonOf(error)) };
  }
}

type Report = (
  status: StepReport["status"],
  more: Partial<StepReport>,
) => StepReport;

function ended<T extends Effect | Done | Skipped>(
  report: Report,
  value: T,
): Ran<T> {
  if ("skipped" in value) {
    return { report: report("skipped", { reason: String(value.skipped) }) };
  }
  const effect = "effect" in value ? value.effect as Effect : value as Effect;
  return { report: report("done", { effect }), value };
}

/** Waits up to `stopMs` for an action whose signal was aborted. */
async function stopped<T extends Effect | Done | Skipped>(
  report: Report,
  cut: Cut,
  work: Promise<T>,
  { limitMs, stopMs = STOP_MS }: RunOptions,
): Promise<Ran<T>> {
  const status = cut === LIMIT ? "timeout" : "overtaken";
  const why = cut === LIMIT ? `not done within ${limitMs} ms` : undefined;
  const words = (more?: string) => {
    const reason = [why, more].filter((part) => part !== undefined).join("; ");
    return reason === "" ? {} : { reason };
  };
  try {
    const value = await firstOf(work, { limitMs: stopMs });
    if (typeof value === "symbol") {
      work.catch(() => {}); // the caller gets the error from `running`
      return { report: report(status, words("it still runs")), running: work };
    }
    const { effect } = ended(report, value).report;
    return { report: report(status, { ...words(), effect }), value };
  } catch (error) {
    const { reason, effect } = reasonOf(error);
    return { report: report(status, { ...words(reason), effect }) };
  }
}

/** The value of the work, or the cause that cut it short: its limit or its abort. */
async function firstOf<T>(
  work: Promise<T>,
  { limitMs, overtaken }: Pick<RunOptions, "limitMs" | "overtaken">,
): Promise<T | Cut> {
  let cancel = () => {};
  let onAbort = () => {};
  const cut = new Promise<Cut>((resolve) => {
    cancel = timeout(limitMs, () => resolve(LIMIT));
    onAbort = () => resolve(OVERTAKEN);
    if (overtaken?.aborted) onAbort();
    else overtaken?.addEventListener("abort", onAbort);
  });
  try {
    return await Promise.race([work, cut]);
  } finally {
    cancel();
    overtaken?.removeEventListener("abort", onAbort);
  }
}

/** The reason and the effect of an error: some errors contain a partial effect. */
function reasonOf(error: unknown): { reason: string; effect?: Effect } {
  const { effect } = (error ?? {}) as { effect?: Effect };
  return { reason: messageOf(error), ...effect && { effect } };
}
