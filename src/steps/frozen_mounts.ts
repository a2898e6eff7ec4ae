/**
 * The journal's record of frozen mounts, and the thaw of those that a killed agent left frozen.
 * @module
 */
import * as v from "valibot";
import type { Change } from "../lifecycle/journal.ts";
import { NotUndone, readChange } from "../lifecycle/not_undone.ts";
import type { MountedAt } from "../linux/fsfreeze.ts";
import type { MountFreezer } from "../linux/mount_freezer.ts";
import { type Mount, readMounts } from "../linux/mountinfo.ts";

/** Milliseconds that a thaw may take. */
export const THAW_MS = 5000;

/** The change that the journal records while mounts are frozen. */
export function changeOf(mounts: readonly MountedAt[]): Change {
  return { mounts: mounts.map(mountedAt) };
}

/** The mount without its other facts. */
export function mountedAt({ mountPoint, device }: MountedAt): MountedAt {
  return { mountPoint, device };
}

/**
 * Thaws the mounts that a killed agent left frozen, for `repairAfterCrash`. Fails if a mount does not
 * answer. Throws {@linkcode NotUndone} with the mounts that stay frozen.
 */
export function thawMounts(
  startFreezer: () => Pick<MountFreezer, "rescue" | "end">,
): (change: Change) => Promise<Change> {
  return async (change) => {
    const { mounts } = readChange(changeSchema, change);
    const there = readMounts();
    // Another filesystem that is mounted there now may have been frozen by another program.
    const isMounted = ({ device }: MountedAt) =>
      there.some((mount) => mount.device === device);
    const gone = mounts.filter((mount) => !isMounted(mount))
      .map(({ mountPoint }) => mountPoint);
    const frozen = mounts.filter(isMounted)
      .map((mount) => reachableAt(mount, there));
    if (frozen.length === 0) return { thawed: [], gone };
    const freezer = startFreezer();
    try {
      const { thawed, failed, left } = await freezer.rescue(frozen, THAW_MS);
      const effect = { thawed, gone };
      if (failed.length === 0) return effect;
      throw new NotUndone(`Cannot thaw every mount: ${failed.join("; ")}`, {
        effect,
        left: changeOf(left),
      });
    } finally {
      await freezer.end();
    }
  };
}

/**
 * The same filesystem by a mount that nothing covers: since the freeze, another filesystem may have
 * been mounted over its mount point. Unchanged if there is none; then its thaw fails.
 */
function reachableAt(
  { mountPoint, device }: MountedAt,
  there: readonly Mount[],
): MountedAt {
  const isOnTop = (mount: Mount) =>
    mount.device === device &&
    there.findLast((other) => other.mountPoint === mount.mountPoint) === mount;
  const mounts = there.filter(isOnTop);
  const found = mounts.find((mount) => mount.mountPoint === mountPoint) ??
    mounts[0];
  return { mountPoint: found?.mountPoint ?? mountPoint, device };
}

const changeSchema = v.object({
  mounts: v.array(v.object({ mountPoint: v.string(), device: v.string() })),
});
