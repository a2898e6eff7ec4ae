/**
 * Calls the thaw hooks of an operation, and describes the results of calls.
 * @module
 */
import { since } from "../util/errors.ts";
import type { Log } from "../log/mod.ts";
import type { Hook, HookEvent, HookResult } from "./hook.ts";
import { OUTPUT } from "./output.ts";

/**
 * Milliseconds for each thaw that is left when the time of all hooks is used up.
 * These thaws run in parallel, so that each hook is called.
 */
const LAST_CALL_MS = 2000;

/** Remaining milliseconds that count as none, because timers may fire early. */
export const LEAST_MS = 1;

/** A hook and the result of its call. */
export interface Call {
  readonly hook: Hook;
  readonly result: HookResult;
}

/** The thaw calls of an operation. */
export interface Thawed {
  readonly calls: readonly Call[];
  /** How long all calls took, in milliseconds. */
  readonly ms: number;
}

/**
 * Thaws the started hooks in reverse order. `limitMs` is the limit of all calls
 * together; a hook that is left at that limit gets LAST_CALL_MS. Never rejects.
 */
export async function thawAll(
  started: readonly Hook[],
  event: HookEvent,
  limitMs: number,
  signal?: AbortSignal,
): Promise<Thawed> {
  const start = performance.now();
  const owed = started.toReversed();
  const calls: Call[] = [];
  const call = async (hook: Hook, leftMs: number): Promise<Call> => {
    const limits = { limitMs: Math.min(hook.limitMs, leftMs), signal };
    return { hook, result: await hook.call(event, limits) };
  };
  for (;;) {
    const left = limitMs - since(start);
    if (left < LEAST_MS) break;
    const hook = owed.shift();
    if (hook === undefined) break;
    calls.push(await call(hook, left));
  }
  const last = owed.map((hook) => call(hook, LAST_CALL_MS));
  calls.push(...await Promise.all(last));
  return { calls, ms: since(start) };
}

/**
 * Whether a hook needs no further thaw call after this result. A hook that failed
 * may still be frozen, and so may a hook that did not reply.
 */
export function isPaid({ status }: HookResult): boolean {
  return status === "done" || status === "withdrawn";
}

/** Describes a result other than `done` for an error message. */
export function describeResult({ name, status, reason }: HookResult): string {
  return `hook ${name} ${status}: ${reason}`;
}

/** Logs the output of the hooks of one phase, which reports do not contain. */
export function logOutput(
  log: Pick<Log, "info">,
  { phase, operation }: HookEvent,
  results: readonly HookResult[],
): void {
  const said = results.flatMap(({ name, status, [OUTPUT]: output }) =>
    output === undefined ? [] : [{ hook: name, status, output }]
  );
  if (said.length > 0) log.info("output of hooks", { phase, operation, said });
}
