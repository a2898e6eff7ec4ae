/**
 * The journal's record of frozen mounts, and the thaw of those that a killed agent left frozen.
 * @module
 */
import { existsSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import * as v from "valibot";
import type { Change } from "../lifecycle/journal.ts";
import { NotUndone, readChange } from "../lifecycle/not_undone.ts";
import type { Rescued } from "../linux/freezer_messages.ts";
import type { MountedAt } from "../linux/fsfreeze.ts";
import type { MountFreezer } from "../linux/mount_freezer.ts";
import { type Mount, readMounts } from "../linux/mountinfo.ts";
import { resultUnless } from "../util/errors.ts";

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
    const absent = mounts.filter((mount) => !isMounted(mount));
    const held = absent.filter(isHeld);
    const gone = absent.filter((mount) => !held.includes(mount))
      .map(({ mountPoint }) => mountPoint);
    const frozen = mounts.filter(isMounted)
      .map((mount) => reachableAt(mount, there));
    const { thawed, ...rest } = await rescue(startFreezer, frozen);
    const effect = { thawed, gone };
    const failed = [
      ...rest.failed,
      ...held.map(({ mountPoint }) =>
        `${mountPoint} was unmounted while it was frozen; mount it, and start the agent again`
      ),
    ];
    if (failed.length === 0) return effect;
    throw new NotUndone(`Cannot thaw every mount: ${failed.join("; ")}`, {
      effect,
      left: changeOf([...rest.left, ...held]),
    });
  };
}

/** Thaws mounts by a worker; without mounts, no worker is started. */
async function rescue(
  startFreezer: () => Pick<MountFreezer, "rescue" | "end">,
  frozen: readonly MountedAt[],
): Promise<Rescued> {
  if (frozen.length === 0) return { thawed: [], failed: [], left: [] };
  const freezer = startFreezer();
  try {
    return await freezer.rescue(frozen, THAW_MS);
  } finally {
    await freezer.end();
  }
}

/** The filesystems on a disk that can be frozen and show in /sys/fs by which disk they are. */
const SHOWN = ["ext4", "xfs", "f2fs"];

/**
 * Whether the kernel still has the filesystem, although it is not mounted: it keeps a frozen one
 * until its thaw, and mounts it as it is, frozen. Reads sysfs only, which answers at once.
 */
function isHeld({ device }: MountedAt): boolean {
  const disk = resultUnless(
    ["ENOENT"],
    () => basename(readlinkSync(`/sys/dev/block/${device}`)),
  );
  return disk !== undefined &&
    SHOWN.some((type) => existsSync(`/sys/fs/${type}/${disk}`));
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
