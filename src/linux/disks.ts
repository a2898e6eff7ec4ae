/**
 * Chooses the mounts to sync: those of the filesystems on disks. Reads only mountinfo, because a call
 * on a path of a mount may wait for ever.
 * @module
 */
import { isForeign, isOnDisk, mayNotAnswer } from "./filesystem_types.ts";
import { isWithin, type Mount } from "./mountinfo.ts";

/** The largest number of mounts to try for one filesystem. */
const TRIES = 4;

/** The writable filesystems. */
export interface Disks {
  /** For each filesystem on a disk, one to four of its mounts. */
  readonly disks: readonly (readonly Mount[])[];
  /**
   * A mount point of each filesystem that is not synced: a call on it, or on each path to it, may
   * wait for ever.
   */
  readonly leftAlone: readonly string[];
}

/**
 * Divides the writable filesystems by their types. The source of a mount is not used: it is any
 * text that the mounting program gave.
 */
export function chooseDisks(mounts: readonly Mount[]): Disks {
  const ofDevice = ({ device }: Mount) => device;
  const writable = mounts.filter((mount) => mount.writable);
  const foreign = writable.filter(({ type }) => isForeign(type));
  const leftAlone = [...Map.groupBy(foreign, ofDevice).values()]
    .map(([{ mountPoint }]) => mountPoint);
  const onDisks = Map.groupBy(writable.filter(isOnDisk), ofDevice);
  const disks: Mount[][] = [];
  const answers = reachability(mounts);
  for (const all of onDisks.values()) {
    const reachable: Mount[] = [];
    for (const mount of all) {
      if (answers(mount)) reachable.push(mount);
      if (reachable.length === TRIES) break;
    }
    if (reachable.length > 0) disks.push(reachable);
    else leftAlone.push(all[0].mountPoint);
  }
  return { disks, leftAlone };
}

/**
 * Returns whether the mount point of one of these mounts leads to that mount, and the path leads
 * through no filesystem on which a call may wait for ever.
 */
export function reachability(
  mounts: readonly Mount[],
): (mount: Mount) => boolean {
  const byId = new Map(mounts.map((mount) => [mount.id, mount]));
  return (mount) => isReachable(mount, mounts, byId);
}

function isReachable(
  mount: Mount,
  mounts: readonly Mount[],
  byId: ReadonlyMap<number, Mount>,
): boolean {
  const { mountPoint } = mount;
  /** The mounts on the path by their ids, and the point where the path leaves each mount. */
  const path = new Map<number, string>();
  let leaves = mountPoint;
  let at: Mount | undefined = mount;
  for (; at !== undefined && !path.has(at.id); at = byId.get(at.parent)) {
    // A mount that this one covers at the same mount point is not on the path.
    if (mayNotAnswer(at.type) && at.mountPoint !== mountPoint) return false;
    path.set(at.id, leaves);
    leaves = at.mountPoint;
  }
  // Another mount, made later, may cover the mount point or a directory above it.
  return !mounts.some(({ id, parent, mountPoint }) => {
    const end = path.get(parent);
    return end !== undefined && !path.has(id) && isWithin(end, mountPoint);
  });
}
