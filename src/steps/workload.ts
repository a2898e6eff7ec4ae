/**
 * Step: freezes the workload's cgroups, and waits until the kernel reports them frozen.
 * @module
 */
import * as v from "valibot";
import type { Recorder } from "../lifecycle/journal.ts";
import { NotUndone, readChange } from "../lifecycle/not_undone.ts";
import type { Effect, Step } from "../lifecycle/step.ts";
import { messageOf, since } from "../util/errors.ts";
import {
  findCgroup,
  findCgroupRoot,
  freezerState,
  frozenFromAbove,
  requestFreezer,
} from "../linux/cgroup.ts";
import { waitFor } from "../util/wait.ts";

interface WorkloadStepOptions {
  /** Names of cgroups below the root of cgroup v2, or absolute paths. */
  readonly cgroups: readonly string[];
  /** Milliseconds that the freeze of all cgroups may take, and the thaw of all. */
  readonly limitMs: number;
  readonly journal: Recorder;
}

/**
 * Freezes all cgroups at once and waits until the kernel reports them frozen. A cgroup that the guest
 * froze itself stays frozen, at the thaw too. A cgroup that does not exist, or is removed meanwhile,
 * is `gone` in the effect: its service has ended, and there is nothing to freeze. If the limit is
 * exceeded, all cgroups are thawed and the step fails.
 */
export function workloadStep(options: WorkloadStepOptions): Step {
  const { cgroups, limitMs, journal } = options;
  return {
    async quiesce({ signal }) {
      if (cgroups.length === 0) return { skipped: "no cgroup was named" };
      const start = performance.now();
      const [all, gone] = find(cgroups);
      const [ours, alreadyFrozen] = split(all);
      if (ours.length === 0) {
        return { effect: effectOf([], alreadyFrozen, gone, start) };
      }
      const recorded = journal.record("workload", { cgroups: ours });
      const undo = async (): Promise<Effect> => {
        const effect = await thaw(ours, limitMs).catch((error) => {
          // A cgroup that was thawed may be frozen by the guest itself later.
          if (error instanceof NotUndone) recorded.update(error.left);
          throw error;
        });
        recorded.erase();
        return { ...effect, leftFrozen: alreadyFrozen };
      };
      const frozen = (path: string) => freezerState(path)?.frozen !== false;
      try {
        const requested = ours.filter((path) => requestFreezer(path, true));
        const whole = await waitFor(() => all.every(frozen), limitMs, signal);
        if (!whole) throw new Error(notFrozen(all, frozen, limitMs, signal));
        gone.push(...ours.filter((path) => !requested.includes(path)));
        const effect = effectOf(requested, alreadyFrozen, gone, start);
        return { effect, undo };
      } catch (error) {
        const also = await undo().then(() => "", (e) => `; ${messageOf(e)}`);
        throw new Error(messageOf(error) + also);
      }
    },
  };
}

/** Returns the directories of the cgroups that exist, each once, and the names of the others. */
function find(names: readonly string[]): [string[], string[]] {
  const root = findCgroupRoot();
  const found = new Set<string>();
  const gone: string[] = [];
  for (const name of names) {
    const path = findCgroup(name, root);
    if (path === undefined) gone.push(name);
    else found.add(path);
  }
  return [[...found], gone];
}

function effectOf(
  requested: readonly string[],
  alreadyFrozen: readonly string[],
  gone: readonly string[],
  start: number,
): Effect {
  return {
    requested,
    alreadyFrozen,
    ...(gone.length > 0 ? { gone } : {}),
    frozen: requested.length + alreadyFrozen.length,
    ms: since(start),
    frozenAt: new Date().toISOString(),
  };
}

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
async function thaw(
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
  const stands = (path: string) =>
    freezerState(path)?.frozen === true && !frozenFromAbove(path);
  await waitFor(() => !asked.some(stands), limitMs);
  for (const path of asked.filter(stands)) {
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

/** Separates the cgroups to freeze from those that the guest froze itself. */
function split(paths: readonly string[]): [string[], string[]] {
  const ours: string[] = [];
  const theirs: string[] = [];
  for (const path of paths) {
    (freezerState(path)?.requested ? theirs : ours).push(path);
  }
  return [ours, theirs];
}

function notFrozen(
  paths: readonly string[],
  frozen: (path: string) => boolean,
  limitMs: number,
  signal: AbortSignal,
): string {
  const moving = paths.filter((path) => !frozen(path)).join(", ");
  return signal.aborted
    ? "Cannot freeze the workload: the prepare was aborted"
    : `Cannot freeze the workload: ${moving} not frozen within ${limitMs} ms`;
}
