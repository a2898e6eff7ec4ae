/**
 * Step: freezes filesystems, for a snapshot of the disk without the memory. A frozen filesystem is
 * consistent on its disk and accepts no writes.
 * @module
 */
import type { Recorded, Recorder } from "../lifecycle/journal.ts";
import type { FreezeRequest } from "../lifecycle/request.ts";
import type { Step } from "../lifecycle/step.ts";
import { since } from "../util/errors.ts";
import type { Thawed } from "../linux/freezer_messages.ts";
import type { MountToFreeze } from "../linux/fsfreeze.ts";
import type { MountFreezer } from "../linux/mount_freezer.ts";
import { type Mount, readMounts } from "../linux/mountinfo.ts";
import {
  allMountsToFreeze,
  mountsToFreeze,
  type Needed,
  pathsToResolve,
} from "../linux/mounts.ts";
import { changeOf, mountedAt, THAW_MS } from "./frozen_mounts.ts";

/** Milliseconds to find the mounts of the named paths. */
const FIND_MS = 5000;
/** Milliseconds that an abandoned thread may take to end; then it counts as stuck. */
const STUCK_MS = 1000;

/** What the step needs. */
export interface FreezeMountsOptions {
  /** Mount points. */
  readonly mounts: readonly string[];
  /** If no mount is named, a prepare of kind `disk` freezes all that can be frozen. */
  readonly all: boolean;
  /**
   * The most milliseconds from the beginning of the freeze until the thaw; then the mounts thaw by
   * themselves. A request may give another hold.
   */
  readonly holdMs: number;
  /** The paths that the agent writes to meanwhile; empty if the user allows to freeze them. */
  readonly needed: () => readonly Needed[];
  readonly journal: Recorder;
  readonly freezer: () => Freezer;
  /**
   * Keeps log lines in memory until the recovery: the log may be a file on a mount to freeze, and
   * the agent would wait in its own log for its own thaw.
   */
  readonly holdLog: () => void;
  /** Gets the error of a thread that ended long after its limit, or never. */
  readonly onError: (error: unknown) => void;
  /** Tests replace it. */
  readonly readMounts?: () => readonly Mount[];
}

type Freezer = Pick<
  MountFreezer,
  "resolve" | "freeze" | "thaw" | "thawKnown" | "end" | "waitsFor"
>;

/** The mounts to freeze, in the order of mounting. */
interface Choice {
  readonly mounts: readonly MountToFreeze[];
  readonly leftAlone: readonly string[];
}

/**
 * Freezes the mounts in reverse order of mounting, and thaws them in order. A filesystem that the
 * guest froze itself stays frozen. The report of the recovery says `expired` if the mounts thawed by
 * themselves before it: a disk that was copied later than that is not consistent. If a mount of an
 * earlier prepare still does not answer, the step fails at once, so that no second thread waits for
 * that mount.
 */
export function freezeMountsStep(options: FreezeMountsOptions): Step {
  const { mounts, all, holdMs, journal, holdLog, onError } = options;
  /** The last freezer whose thread did not answer. */
  let stuck: Freezer | undefined;
  return {
    async quiesce({ kind, signal, freeze }) {
      if (mounts.length === 0) {
        if (kind !== "disk") return { skipped: "no mount was named" };
        if (!all) return { skipped: "turned off by freezeAllMounts=false" };
      }
      const start = performance.now();
      refuseWhileStuck(stuck);
      const { freezer, chosen } = await find(options, signal, (freezer) => {
        stuck = freezer;
      }, freeze);
      if (chosen.mounts.length === 0) {
        await freezer.end().catch(onError);
        return { skipped: "there is no writable mount on a disk" };
      }
      let recorded: Recorded;
      try {
        recorded = journal.record("mounts", changeOf(chosen.mounts));
      } catch (error) {
        await freezer.end().catch(onError);
        throw error;
      }
      holdLog();
      const hold = freeze?.holdMs ?? holdMs;
      const holdsUntil = performance.now() + hold;
      try {
        const { frozen, already, unsupported } = await freezer.freeze(
          chosen.mounts.toReversed(),
          { holdMs: hold, limitMs: Math.min(hold, holdMs), signal },
        );
        const ours = chosen.mounts.filter(({ mountPoint }) =>
          frozen.includes(mountPoint)
        );
        recorded.update(changeOf(ours));
        const leftAlone = [...chosen.leftAlone, ...unsupported];
        const effect = {
          ...{ frozen, alreadyFrozen: already },
          ...leftAlone.length > 0 && { leftAlone },
          ms: since(start),
        };
        const undo = () => thaw(freezer, recorded, THAW_MS, onError);
        const lasts = () => ours.length === 0 || performance.now() < holdsUntil;
        return { effect, undo, lasts };
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

/** Starts a thread and finds the mounts to freeze; `onStuck` gets a thread that is stuck. */
async function find(
  options: FreezeMountsOptions,
  signal: AbortSignal,
  onStuck: (freezer: Freezer) => void,
  freeze?: FreezeRequest,
): Promise<{ freezer: Freezer; chosen: Choice }> {
  const { mounts: names, needed, freezer: start, onError } = options;
  const mounts = (options.readMounts ?? readMounts)();
  const writes = needed();
  const paths = pathsToResolve(names, writes, mounts);
  const freezer = start();
  try {
    const realPaths = paths.length === 0
      ? new Map()
      : await freezer.resolve(paths, FIND_MS, signal);
    if (names.length > 0) {
      const named = mountsToFreeze(names, writes, realPaths, mounts)
        .filter(isWanted(freeze?.mounts, mounts));
      const chosen = { mounts: named.map(mountedAt), leftAlone: [] };
      return { freezer, chosen };
    }
    const { chosen, leftAlone } = allMountsToFreeze(writes, realPaths, mounts);
    const wanted = chosen.filter(isWanted(freeze?.mounts, mounts));
    const ifPossible = wanted.map((mount) => ({
      ...mountedAt(mount),
      ifPossible: true,
    }));
    return { freezer, chosen: { mounts: ifPossible, leftAlone } };
  } catch (error) {
    if (freezer.waitsFor !== undefined) onStuck(freezer);
    await freezer.end().catch(onError);
    throw error;
  }
}

/** Whether a filesystem has one of the mount points; each filesystem has one if none is given. */
function isWanted(
  mountPoints: readonly string[] | undefined,
  mounts: readonly Mount[],
): (mount: Mount) => boolean {
  if (mountPoints === undefined) return () => true;
  const wanted = mounts.filter(({ mountPoint }) =>
    mountPoints.includes(mountPoint)
  ).map(({ device }) => device);
  return ({ device }) => wanted.includes(device);
}

/** Thaws the mounts, and erases the record when no mount is frozen. */
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
  // Everything is thawed: a thread that does not end is no failure of the thaw.
  await freezer.end().catch(onError);
  return thawed;
}

/**
 * Undoes a freeze that failed. The thread may be stuck in the kernel: then the mounts that are
 * frozen are thawed without it, and the thread thaws its last mount as soon as the kernel returns.
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
