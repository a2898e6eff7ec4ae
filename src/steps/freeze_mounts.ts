/**
 * Step: named filesystems are whole on their disks and take no writes, for a
 * snapshot that takes the disk without the memory.
 * @module
 */
import * as v from "valibot";
import type {
  Change,
  Recorded,
  Recorder,
  Repairer,
} from "../lifecycle/journal.ts";
import type { Step } from "../lifecycle/step.ts";
import { since } from "../util/errors.ts";
import type { Thawed } from "../linux/freezer_messages.ts";
import type { MountedAt } from "../linux/fsfreeze.ts";
import type { MountFreezer } from "../linux/mount_freezer.ts";
import { type Mount, readMounts } from "../linux/mountinfo.ts";
import {
  mountsToFreeze,
  type Needed,
  pathsToResolve,
} from "../linux/mounts.ts";

/** Milliseconds to find the mounts of the named paths. */
const FIND_MS = 5000;
/** Milliseconds for a thaw, which writes little. */
const THAW_MS = 5000;
/** Milliseconds after which a thread that was given up counts as stuck. */
const STUCK_MS = 1000;

/** What the step needs. */
export interface FreezeMountsOptions {
  /** Mount points. */
  readonly mounts: readonly string[];
  /**
   * Milliseconds that the freeze may take and the hold may last, together;
   * after them the mounts thaw by themselves.
   */
  readonly holdMs: number;
  /** What the agent writes meanwhile; empty where the user gave that up. */
  readonly needed: () => readonly Needed[];
  readonly journal: Recorder;
  readonly freezer: () => Freezer;
  /** Hears of a thread that got free long after its limit, or never. */
  readonly onError: (error: unknown) => void;
}

type Freezer = Pick<
  MountFreezer,
  "resolve" | "freeze" | "thaw" | "thawKnown" | "end" | "waitsFor"
>;

/**
 * Freezes the last mounted first, thaws the first mounted first. A filesystem
 * that the guest froze itself is left so. The report of the recovery says
 * `expired` where the hold ran out before it: a disk that was copied later than
 * that is not the one that was made whole. While a mount of an earlier prepare
 * does not answer, the step fails at once: no second thread waits for it.
 */
export function freezeMountsStep(options: FreezeMountsOptions): Step {
  const { mounts, holdMs, journal, onError } = options;
  /** The last freezer whose thread did not answer. */
  let stuck: Freezer | undefined;
  return {
    async quiesce({ signal }) {
      if (mounts.length === 0) return { skipped: "no mount was named" };
      const start = performance.now();
      refuseWhileStuck(stuck);
      const { freezer, chosen } = await find(options, signal, (freezer) => {
        stuck = freezer;
      });
      let recorded: Recorded;
      try {
        recorded = journal.record("mounts", changeOf(chosen));
      } catch (error) {
        await freezer.end().catch(onError);
        throw error;
      }
      try {
        const { frozen, already } = await freezer.freeze(
          chosen.map(mountedAt).toReversed(),
          holdMs,
          signal,
        );
        const ours = chosen.filter(({ mountPoint }) =>
          frozen.includes(mountPoint)
        );
        recorded.update(changeOf(ours));
        const effect = { frozen, alreadyFrozen: already, ms: since(start) };
        const undo = () => thaw(freezer, recorded, THAW_MS, onError);
        return { effect, undo };
      } catch (error) {
        stuck = freezer;
        await giveUp(freezer, recorded, onError);
        throw error;
      }
    },
  };
}

function refuseWhileStuck(stuck: Freezer | undefined): void {
  const path = stuck?.waitsFor;
  if (path === undefined) return;
  throw new Error(
    `Cannot freeze mounts: ${path} has not answered an earlier prepare yet`,
  );
}

/** A thread, and the mounts to freeze; `onStuck` hears of one that is stuck. */
async function find(
  { mounts: names, needed, freezer: start, onError }: FreezeMountsOptions,
  signal: AbortSignal,
  onStuck: (freezer: Freezer) => void,
): Promise<{ freezer: Freezer; chosen: Mount[] }> {
  const mounts = readMounts();
  const writes = needed();
  const paths = pathsToResolve(names, writes, mounts);
  const freezer = start();
  try {
    const realPaths = paths.length === 0
      ? new Map()
      : await freezer.resolve(paths, FIND_MS, signal);
    const chosen = mountsToFreeze(names, writes, realPaths, mounts);
    return { freezer, chosen };
  } catch (error) {
    if (freezer.waitsFor !== undefined) onStuck(freezer);
    await freezer.end().catch(onError);
    throw error;
  }
}

/** Thaws, and erases the record once nothing can be frozen any more. */
async function thaw(
  freezer: Freezer,
  recorded: Recorded,
  limitMs: number,
  onError: (error: unknown) => void,
): Promise<Thawed> {
  const thawed = await freezer.thaw(limitMs);
  if (thawed.failed.length > 0) {
    throw new Error(`Cannot thaw every mount: ${thawed.failed.join("; ")}`);
  }
  recorded.erase();
  // Everything is thawed: a thread that lingers makes no failure of that.
  await freezer.end().catch(onError);
  return thawed;
}

/**
 * The thread may be stuck in the kernel: what is frozen by now must not wait
 * for it, and what it froze last it thaws as soon as it is free.
 */
async function giveUp(
  freezer: Freezer,
  recorded: Recorded,
  onError: (error: unknown) => void,
): Promise<void> {
  try {
    await thaw(freezer, recorded, STUCK_MS, onError);
  } catch (error) {
    onError(error);
    for (const reason of await freezer.thawKnown(THAW_MS)) onError(reason);
    thaw(freezer, recorded, Infinity, onError).catch(onError);
  }
}

function changeOf(mounts: readonly Mount[]): Change {
  return { mounts: mounts.map(mountedAt) };
}

function mountedAt({ mountPoint, device }: Mount): MountedAt {
  return { mountPoint, device };
}

/**
 * Thaws what a killed agent left frozen, for `repairAfterCrash`. Fails for a
 * mount that does not answer, whose thaw then stays recorded.
 */
export function thawMounts(
  startFreezer: () => Pick<MountFreezer, "rescue" | "end">,
): Repairer {
  return async (change) => {
    const { mounts } = v.parse(changeSchema, change);
    const there = readMounts();
    // Another filesystem in its place may be frozen for reasons of its own.
    const isThere = ({ mountPoint, device }: MountedAt) =>
      there.findLast((mount) => mount.mountPoint === mountPoint)?.device ===
        device;
    const gone = mounts.filter((mount) => !isThere(mount))
      .map(({ mountPoint }) => mountPoint);
    const frozen = mounts.filter(isThere);
    if (frozen.length === 0) return { thawed: [], gone };
    const freezer = startFreezer();
    try {
      const { thawed, failed } = await freezer.rescue(frozen, THAW_MS);
      if (failed.length > 0) throw new Error(failed.join("; "));
      return { thawed, gone };
    } finally {
      await freezer.end();
    }
  };
}

const changeSchema = v.object({
  mounts: v.array(v.object({ mountPoint: v.string(), device: v.string() })),
});
