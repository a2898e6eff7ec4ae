/**
 * The freeze of the workload's cgroups. Loaded only if a cgroup is to be frozen.
 * @module
 */
import type { Recorder } from "../lifecycle/journal.ts";
import type { WorkloadRequest } from "../lifecycle/request.ts";
import type { Done, Effect, StepContext } from "../lifecycle/step.ts";
import { findCgroup, findCgroupRoot, freezerState } from "../linux/cgroup.ts";
import { messageOf, since } from "../util/errors.ts";
import { CgroupFreeze, type Selection } from "./cgroup_freeze.ts";
import { thaw } from "./frozen_workload.ts";
import type { OwedThaw } from "./owed_thaw.ts";

/** What the step needs. */
export interface WorkloadStepOptions {
  /** Names of cgroups below the root of cgroup v2, absolute paths, or `all`. */
  readonly cgroups: readonly string[];
  /** Further cgroups that `all` leaves running. */
  readonly kept?: readonly string[];
  /** Milliseconds that the freeze of all cgroups may take, and the thaw of all. */
  readonly limitMs: number;
  readonly journal: Recorder;
  /** The mount point of cgroup v2, for `all`; that of this machine if not given. */
  readonly root?: string;
  /** The directory of processes, for `all`; /proc if not given. */
  readonly proc?: string;
}

/**
 * Freezes all cgroups at once and waits until the kernel reports them frozen. A cgroup that the guest
 * froze itself stays frozen, at the thaw too. A cgroup that does not exist, or is removed meanwhile,
 * is `gone` in the effect: its service has ended, and there is nothing to freeze. If the limit is
 * exceeded, all cgroups are thawed and the step fails. If the prepare asks for counts, the step
 * reports which cgroups are not frozen instead. A thaw that fails is tried again until it is done.
 */
export async function freezeWorkload(
  options: WorkloadStepOptions & { readonly owed: Pick<OwedThaw, "add"> },
  { signal, workload: asked }: StepContext,
  all: boolean,
): Promise<Done> {
  const { cgroups, limitMs, journal, owed } = options;
  const start = performance.now();
  const selection = all
    ? await selectAll(options, asked)
    : selectNamed(cgroups);
  const { ours, alreadyFrozen, added, audit } = selection;
  const freeze = new CgroupFreeze({
    ...{ alreadyFrozen, signal, counts: asked?.counts },
    limitMs: Math.min(asked?.waitMs ?? limitMs, limitMs),
  });
  if (ours.length === 0 && !all) {
    return { effect: effectOf(selection, freeze, start) };
  }
  const recorded = journal.record("workload", { cgroups: ours });
  const undo = async (): Promise<Effect> => {
    const audited = audit && { audit: audit() };
    const effect = await thaw(freeze.all, limitMs).catch((error) => {
      owed.add(freeze.all, recorded, error);
      throw error;
    });
    recorded.erase();
    return { ...effect, ...audited, leftFrozen: alreadyFrozen };
  };
  try {
    let whole = await freeze.add(ours);
    while (whole && added !== undefined) {
      const next = added();
      if (next.length === 0) break;
      recorded.update({ cgroups: [...freeze.all, ...next] });
      whole = await freeze.add(next);
    }
    return { effect: effectOf(selection, freeze, start), undo };
  } catch (error) {
    const also = await undo().then(() => "", (e) => `; ${messageOf(e)}`);
    throw new Error(messageOf(error) + also);
  }
}

/** Selects everything outside the agent's own chain; this code is loaded only if it is used. */
async function selectAll(
  { kept, root, proc }: WorkloadStepOptions,
  asked: WorkloadRequest | undefined,
): Promise<Selection> {
  const { selectTree } = await import("./workload_tree.ts");
  return selectTree({ kept, root, proc }, asked);
}

/** Selects the named cgroups, each once. */
function selectNamed(names: readonly string[]): Selection {
  const root = findCgroupRoot();
  const ours = new Set<string>();
  const alreadyFrozen = new Set<string>();
  const gone: string[] = [];
  for (const name of names) {
    const path = findCgroup(name, root);
    if (path === undefined) gone.push(name);
    else (freezerState(path)?.requested ? alreadyFrozen : ours).add(path);
  }
  return { ours: [...ours], alreadyFrozen: [...alreadyFrozen], gone };
}

function effectOf(
  { alreadyFrozen, gone: neverThere, facts }: Selection,
  freeze: CgroupFreeze,
  start: number,
): Effect {
  const { requested, gone: removed } = freeze;
  const gone = [...neverThere, ...removed];
  return {
    requested,
    alreadyFrozen,
    ...(gone.length > 0 ? { gone } : {}),
    frozen: requested.length + alreadyFrozen.length - freeze.pending.length,
    ...facts,
    ...freeze.counted,
    ms: since(start),
    frozenAt: new Date().toISOString(),
  };
}
