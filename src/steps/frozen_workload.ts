/**
 * Frozen cgroups: their record in the journal, their thaw, and the repair after a crash.
 * @module
 */
import * as v from "valibot";
import { NotUndone, readChange } from "../lifecycle/not_undone.ts";
import type { Effect } from "../lifecycle/step.ts";
import {
  freezerState,
  frozenFromAbove,
  requestFreezer,
} from "../linux/cgroup.ts";
import { messageOf, since } from "../util/errors.ts";
import { waitFor } from "../util/wait.ts";

/** Thaws the cgroups that a killed agent left frozen, for `repairAfterCrash`. */
export function thawWorkload(
  limitMs: number,
): (change: Effect) => Promise<Effect> {
  return (change) => thaw(readChange(Change, change).cgroups, limitMs);
}

/** The journal entry of frozen cgroups: their paths. */
const Change = v.object({ cgroups: v.array(v.string()) });

/**
 * Requests the thaw of all cgroups, then waits until they are thawed. Throws {@linkcode NotUndone}
 * with the cgroups that stay frozen.
 */
export async function thaw(
  paths: readonly string[],
  limitMs: number,
): Promise<Effect> {
  const start = performance.now();
  const failed = new Map<string, string>();
  const asked = paths.filter((path) => {
    try {
      return requestFreezer(path, false);
    } catch (error) {
      failed.set(path, messageOf(error));
      return false;
    }
  });
  const isStillFrozen = (path: string) => {
    try {
      return freezerState(path)?.frozen === true && !frozenFromAbove(path);
    } catch {
      return true; // its state cannot be read
    }
  };
  await waitFor(() => !asked.some(isStillFrozen), limitMs);
  for (const path of asked.filter(isStillFrozen)) {
    failed.set(path, `still frozen after ${limitMs} ms`);
  }
  const done = (path: string) => !failed.has(path);
  const effect = {
    thawed: asked.filter(done),
    gone: paths.filter((path) => !asked.includes(path) && done(path)),
    ms: since(start),
  };
  if (failed.size === 0) return effect;
  const reasons = [...failed].map(([path, reason]) => `${path}: ${reason}`);
  throw new NotUndone(`Cannot thaw the workload: ${reasons.join("; ")}`, {
    effect,
    left: { cgroups: [...failed.keys()] },
  });
}
