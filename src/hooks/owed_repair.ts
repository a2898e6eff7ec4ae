/**
 * Calls the thaws that a killed agent owes.
 * @module
 */
import * as v from "valibot";
import type { EntryRepairer } from "../lifecycle/journal.ts";
import { NotUndone, readChange } from "../lifecycle/not_undone.ts";
import type { Log } from "../log/mod.ts";
import { since } from "../util/errors.ts";
import { describeResult, isPaid, logOutput, thawAll } from "./calls.ts";
import { type Hook, type HookEvent, keyOf, nameIn } from "./hook.ts";
import { changeOf, type OwedThaws } from "./owed_thaws.ts";

const Started = v.object({
  operation: v.string(),
  generation: v.number(),
  outcome: v.optional(
    v.picklist(["restored", "resumed", "expired", "aborted"]),
  ),
  started: v.array(v.string()),
});

/** What the repair needs. */
export interface OwedRepairOptions {
  /** The hooks that take part now, in the order of freeze. */
  readonly hooks: () => readonly Hook[];
  /** Milliseconds for all thaws of one start together. */
  readonly limitMs: number;
  readonly owed: Pick<OwedThaws, "adopt">;
  readonly log: Pick<Log, "info">;
}

/**
 * The repairer for entries of hooks. Only hooks that take part now are called,
 * by their names: what is in the journal's file is never run itself. The hooks
 * that cannot be called or fail are owed their thaw from then on. Each is called
 * once, however many entries name it, so that a start has an end.
 */
export function repairOwed(options: OwedRepairOptions): EntryRepairer {
  const { hooks, limitMs, owed, log } = options;
  const tried = new Set<string>();
  let start: number | undefined;
  return async (change, recorded) => {
    const { started, ...told } = readChange(Started, change);
    const facts: HookEvent = { outcome: "aborted", ...told, phase: "thaw" };
    start ??= performance.now();
    // An entry that came later has them, too, and was first.
    const named = new Set(started.filter((key) => !tried.has(key)));
    for (const key of named) tried.add(key);
    const present = hooks().filter((hook) => named.has(keyOf(hook)));
    const left = Math.max(0, limitMs - since(start));
    const { calls, ms } = await thawAll(present, facts, left);
    const results = calls.map(({ result }) => result);
    logOutput(log, facts, results);
    const reasons = new Map([...named].map((key) => [key, absent(key)]));
    const note = (key: string, result?: typeof results[number]) => {
      if (result === undefined || isPaid(result)) reasons.delete(key);
      else reasons.set(key, describeResult(result));
    };
    for (const { hook, result } of calls) note(keyOf(hook), result);
    const effect = { hooks: results, ms };
    if (reasons.size === 0) return effect;
    const debt = { facts, hooks: new Set(reasons.keys()), recorded };
    const words = () => ({
      owed: [...reasons.keys()].map(nameIn),
      reason: `Cannot thaw every hook: ${[...reasons.values()].join("; ")}`,
    });
    owed.adopt(debt, (key, result) => {
      note(key, result);
      if (result !== undefined) results.push(result);
      recorded.tell(
        reasons.size > 0
          ? words()
          : { status: "repaired", owed: undefined, reason: undefined },
      );
    });
    const { reason, owed: names } = words();
    throw new NotUndone(reason, {
      ...{ effect, owed: names },
      left: changeOf(facts, debt.hooks),
    });
  };
}

function absent(key: string): string {
  return key.startsWith("script ")
    ? `there is no script ${nameIn(key)}`
    : `hook ${nameIn(key)} has not registered again`;
}
