/**
 * Runs one action of a step, an undo or a repair within its limit, measures it, and
 * reports its failure.
 * @module
 */
import { type Early, within } from "../util/within.ts";
import type { StepReport } from "./reports.ts";
import type { Done, Effect, Found, Skipped } from "./step.ts";
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

/** Runs one action. Never rejects. */
export async function run<T extends Effect | Done | Found | Skipped>(
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
    const { limitMs, overtaken } = options;
    const first = await within(work, { limitMs, signal: overtaken });
    if ("value" in first) return ended(report, first.value);
    control.abort();
    return await stopped(report, first.early, work, options);
  } catch (error) {
    return { report: report("failed", reasonOf(error)) };
  }
}

type Report = (
  status: StepReport["status"],
  more: Partial<StepReport>,
) => StepReport;

function ended<T extends Effect | Done | Found | Skipped>(
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
async function stopped<T extends Effect | Done | Found | Skipped>(
  report: Report,
  early: Early,
  work: Promise<T>,
  { limitMs, stopMs = STOP_MS }: RunOptions,
): Promise<Ran<T>> {
  const status = early === "timeout" ? "timeout" : "overtaken";
  const why = early === "timeout" ? `not done within ${limitMs} ms` : undefined;
  const words = (more?: string) => {
    const reason = [why, more].filter((part) => part !== undefined).join("; ");
    return reason === "" ? {} : { reason };
  };
  try {
    const stop = await within(work, { limitMs: stopMs });
    if ("early" in stop) {
      work.catch(() => {}); // the caller gets the error from `running`
      return { report: report(status, words("it still runs")), running: work };
    }
    const { value } = stop;
    const { effect } = ended(report, value).report;
    return { report: report(status, { ...words(), effect }), value };
  } catch (error) {
    const { reason, effect } = reasonOf(error);
    return { report: report(status, { ...words(reason), effect }) };
  }
}

/** The reason and the effect of an error: some errors contain a partial effect. */
function reasonOf(error: unknown): { reason: string; effect?: Effect } {
  const { effect } = (error ?? {}) as { effect?: Effect };
  return { reason: messageOf(error), ...effect && { effect } };
}
