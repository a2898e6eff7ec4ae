/**
 * The audit of a freeze: what was still frozen at its thaw. It belongs to the first POST /init after
 * the freeze, as a header.
 * @module
 */
import type { Recovery } from "../../lifecycle/reports.ts";

/** Gives each audit to the replies that it belongs to. */
export class Audits {
  /** The recovery whose audit a caller got. */
  #given: Recovery | undefined;

  /**
   * The audit for the reply to one call. `recovery` is the one that the call began or waited for. If
   * there was none, the last one has the audit, unless a former call got it. A caller that has gone
   * (`signal`) gets no reply: the audit is kept for its next attempt.
   */
  take(
    recovery: Recovery | undefined,
    last: Recovery | undefined,
    signal: AbortSignal,
  ): string | undefined {
    const ended = recovery ?? last;
    if (ended === undefined) return undefined;
    if (recovery === undefined && isSame(ended, this.#given)) return undefined;
    if (!signal.aborted) this.#given = ended;
    const undo = ended.steps.find(({ name }) => name === "workload");
    const audit = undo?.effect?.audit;
    return audit === undefined ? undefined : JSON.stringify(audit);
  }
}

/** Data that comes late changes the report of a recovery, and not its generation. */
function isSame(one: Recovery, other: Recovery | undefined): boolean {
  return one.generation === other?.generation &&
    one.operation === other.operation;
}
