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
import { messageOf, since, type Step } from "../lifecycle/step.ts";
import type { Thawed } from "../linux/freezer_messages.ts";
import { thawMount } from "../linux/fsfreeze.ts";
import type { Libc } from "../linux/libc.ts";
import type { MountFreezer } from "../linux/mount_freezer.ts";
import { type Mount, readMounts } from "../linux/mountinfo.ts";
import { mountsToFreeze, type Needed } from "../linux/mounts.ts";

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
  readonly freezer: () => Pick<
    MountFreezer,
    "freeze" | "thaw" | "thawKnown" | "end"
  >;
  /** Hears of a thread that got free long after its limit, or never. */
  readonly onError: (error: unknown) => void;
}

/**
 * Freezes the last mounted first, thaws the first mounted first. A filesystem
 * that the guest froze itself is left so. The report of the recovery says
 * `expired` where the hold ran out before it: a disk that was copied later than
 * that is not the one that was made whole.
 */
export function freezeMountsStep(options: FreezeMountsOptions): Step {
  const { mounts, holdMs, needed, journal } = options;
  return {
    async quiesce({ signal }) {
      if (mounts.length === 0) return { skipped: "no mount was named" };
      const start = performance.now();
      const chosen = mountsToFreeze(mounts, needed());
      const recorded = journal.record("mounts", changeOf(chosen));
      let freezer: Freezer | undefined;
      try {
        freezer = options.freezer();
        const { frozen, already } = await freezer.freeze(
          chosen.map(({ mountPoint }) => mountPoint).toReversed(),
          holdMs,
          signal,
        );
        const ours = chosen.filter(({ mountPoint }) =>
          frozen.includes(mountPoint)
        );
        recorded.update(changeOf(ours));
        const effect = { frozen, alreadyFrozen: already, ms: since(start) };
        const undo = () => thaw(freezer!, recorded, THAW_MS, options.onError);
        return { effect, undo };
      } catch (error) {
        if (freezer === undefined) recorded.erase();
        else await giveUp(freezer, recorded, options.onError);
        throw error;
      }
    },
  };
}

type Freezer = ReturnType<FreezeMountsOptions["freezer"]>;

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
    for (const reason of freezer.thawKnown()) onError(reason);
    thaw(freezer, recorded, Infinity, onError).catch(onError);
  }
}

function changeOf(mounts: readonly Mount[]): Change {
  return {
    mounts: mounts.map(({ mountPoint, device }) => ({ mountPoint, device })),
  };
}

/** Thaws what a killed agent left frozen, for `repairAfterCrash`. */
export function thawMounts(libc: Libc): Repairer {
  return (change) => {
    const { mounts } = v.parse(changeSchema, change);
    const there = readMounts();
    const thawed: string[] = [];
    const gone: string[] = [];
    const failed: string[] = [];
    for (const { mountPoint, device } of mounts) {
      // Another filesystem in its place may be frozen for reasons of its own.
      const mount = there.findLast((mount) => mount.mountPoint === mountPoint);
      try {
        if (mount?.device !== device) gone.push(mountPoint);
        else if (thawMount(libc, mountPoint) === "thawed") {
          thawed.push(mountPoint);
        }
      } catch (error) {
        failed.push(messageOf(error));
      }
    }
    if (failed.length > 0) throw new Error(failed.join("; "));
    return { thawed, gone };
  };
}

const changeSchema = v.object({
  mounts: v.array(v.object({ mountPoint: v.string(), device: v.string() })),
});
