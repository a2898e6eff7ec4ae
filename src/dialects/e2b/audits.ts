/**
 * The audit of a freeze: what was still frozen at its thaw. It belongs to the first POST /init after
 * the freeze, as a header.
 * @module
 */
import type { Recovery } from "../../lifecycle/reports.ts";

/**
 * Milliseconds for which all calls get the audit. The host gives up an attempt after 50 ms and sends
 * the call again, and behind a NAT the agent cannot see that a caller has gone.
 */
const ATTEMPTS_MS = 60_000;

/** Gives each audit to the replies that it belongs to. */
export class Audits {
  /** The recovery whose audit callers get, and the time of the first of these calls. */
  #told: { readonly recovery: Recovery; readonly since: number } | undefined;

  /**
   * The audit for the reply to one call. `recovery` is the one that the call began or waited for; if
   * there was none, `last` has the audit, for a minute from the first call on. `now` is in the time of
   * performance.now().
   */
  take(
    recovery: Recovery | undefined,
    last: Recovery | undefined,
    now = performance.now(),
  ): string | undefined {
    const ended = recovery ?? last;
    if (ended === undefined) return undefined;
    if (this.#told === undefined || !isSame(ended, this.#told.recovery)) {
      this.#told = { recovery: ended, since: now };
    }
    const isOver = now - this.#told.since > ATTEMPTS_MS;
    if (recovery === undefined && isOver) return undefined;
    const undo = ended.steps.find(({ name }) => name === "workload");
    const audit = undo?.effect?.audit;
    return audit === undefined ? undefined : JSON.stringify(audit);
  }
}

/** Data that comes late changes the report of a recovery, and not its generation. */
function isSame(one: Recovery, other: Recovery): boolean {
  return one.generation === other.generation &&
    one.operation === other.operation;
}
