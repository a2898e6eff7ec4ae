/**
 * Calls of hooks: all thaws of a round, and what a call comes to.
 * @module
 */
import { since } from "../util/errors.ts";
import type { Log } from "../log/mod.ts";
import type { Hook, HookEvent, HookResult } from "./hook.ts";
import { OUTPUT } from "./output.ts";

/**
 * Milliseconds for the thaws that have no time left: they all run at once then,
 * so that none goes without its call.
 */
export const LAST_CALL_MS = 2000;

/** Less time than this is none: timers end a little early. */
export const LEAST_MS = 1;

/** A hook, and what became of its call. */
export interface Call {
  readonly hook: Hook;
  readonly result: HookResult;
}

/** The thaws of a round. */
export interface Thawed {
  readonly calls: readonly Call[];
  readonly ms: number;
}

/** Thaws in reverse, within the milliseconds for all of them together. */
export async function thawAll(
  started: readonly Hook[],
  facts: HookEvent,
  limitMs: number,
  signal?: AbortSignal,
): Promise<Thawed> {
  const start = performance.now();
  const owed = started.toReversed();
  const calls: Call[] = [];
  const call = async (hook: Hook, leftMs: number): Promise<Call> => {
    const limits = { limitMs: Math.min(hook.limitMs, leftMs), signal };
    return { hook, result: await hook.call(facts, limits) };
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
 * Whether a hook needs no other thaw after this one. A hook that answered with
 * a failure may still be frozen, as one that did not answer.
 */
export function isPaid({ status }: HookResult): boolean {
  return status === "done" || status === "withdrawn";
}

/** A result that is not `done`, for a message. */
export function describeResult({ name, status, reason }: HookResult): string {
  return `hook ${name} ${status}: ${reason}`;
}

/** Logs what the hooks of one phase said: reports do not contain it. */
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
