/**
 * Calls, at the start, the thaws that a killed agent did not call.
 * @module
 */
import * as v from "valibot";
import type { Repairer } from "../lifecycle/repair_after_crash.ts";
import { KINDS, OUTCOMES } from "../lifecycle/request.ts";
import { NotUndone, readChange } from "../lifecycle/not_undone.ts";
import type { Log } from "../log/mod.ts";
import { since } from "../util/errors.ts";
import { describeResult, isPaid, logOutput, thawAll } from "./calls.ts";
import { type Hook, type HookEvent, keyOf, nameIn } from "./hook.ts";
import { changeOf } from "./owed_entries.ts";
import type { OwedThaws } from "./owed_thaws.ts";

const Started = v.object({
  operation: v.string(),
  generation: v.number(),
  kind: v.optional(v.picklist(KINDS)),
  outcome: v.optional(v.picklist(OUTCOMES)),
  started: v.array(v.string()),
});

interface OwedRepairOptions {
  /** The current hooks, in the order of freeze. */
  readonly hooks: () => readonly Hook[];
  /** Milliseconds that all thaws of one start may take together. */
  readonly limitMs: number;
  readonly owed: Pick<OwedThaws, "adopt">;
  readonly log: Pick<Log, "info">;
}

/**
 * Creates the repairer of the journal's entries of hooks. The repairer calls only
 * current hooks, which it finds by the names in the entry; it never runs a path from
 * the journal. A hook that cannot be called or fails is owed its thaw from then on.
 * Each hook is called once, even if several entries name it, so that the start takes
 * a limited time.
 */
export function repairOwed(options: OwedRepairOptions): Repairer {
  const { hooks, limitMs, owed, log } = options;
  const called = new Set<string>();
  let start: number | undefined;
  return async (change, recorded) => {
    const { started, ...recordedEvent } = readChange(Started, change);
    const event: HookEvent = {
      outcome: "aborted",
      ...recordedEvent,
      phase: "thaw",
    };
    start ??= performance.now();
    // Hooks that a newer entry names have been called already: newer entries are
    // repaired first.
    const named = new Set(started.filter((key) => !called.has(key)));
    for (const key of named) called.add(key);
    const present = hooks().filter((hook) => named.has(keyOf(hook)));
    const left = Math.max(0, limitMs - since(start));
    const { calls, ms } = await thawAll(present, event, left);
    const results = calls.map(({ result }) => result);
    logOutput(log, event, results);
    const reasons = new Map(
      [...named].map((key) => [key, reasonForAbsence(key)]),
    );
    const note = (key: string, result?: typeof results[number]) => {
      if (result === undefined || isPaid(result)) reasons.delete(key);
      else reasons.set(key, describeResult(result));
    };
    for (const { hook, result } of calls) note(keyOf(hook), result);
    const effect = { hooks: results, ms };
    if (reasons.size === 0) return effect;
    const entry = { event, hooks: new Set(reasons.keys()), recorded };
    const news = () => ({
      owed: [...reasons.keys()].map(nameIn),
      reason: `Cannot thaw every hook: ${[...reasons.values()].join("; ")}`,
    });
    owed.adopt(entry, (key, result) => {
      note(key, result);
      if (result !== undefined) results.push(result);
      recorded.tell(
        reasons.size > 0
          ? news()
          : { status: "repaired", owed: undefined, reason: undefined },
      );
    });
    const { reason, owed: names } = news();
    throw new NotUndone(reason, {
      ...{ effect, owed: names },
      left: changeOf(event, entry.hooks),
    });
  };
}

function reasonForAbsence(key: string): string {
  return key.startsWith("script ")
    ? `there is no script ${nameIn(key)}`
    : `hook ${nameIn(key)} has not registered again`;
}
