/**
 * Chooses the mounts to freeze. Reads only mountinfo, because a call on a path of a mount may wait
 * for ever.
 * @module
 */
import { chooseDisks } from "./disks.ts";
import { isStacked, neverFreezes } from "./filesystem_types.ts";
import { type Mount, mountOf, readMounts } from "./mountinfo.ts";
import type { RealPaths } from "./real_paths.ts";

/** A path that the agent writes to while a filesystem is frozen. */
export interface Needed {
  readonly path: string;
  readonly what: string;
}

/**
 * Returns the paths that the agent writes to while filesystems are frozen: its runtime directory.
 * The log is not one of them, because its lines stay in memory until the thaw.
 */
export function neededPaths(runtimeDirectory: string): Needed[] {
  return [{ path: runtimeDirectory, what: "the runtime directory" }];
}

/**
 * Returns the paths whose links must be resolved to choose the mounts to freeze. The name of a
 * mount point has no links.
 */
export function pathsToResolve(
  names: readonly string[],
  needed: readonly Needed[],
  mounts: readonly Mount[],
): string[] {
  const links = names.filter((name) => mountAt(name, mounts) === undefined);
  return [...links, ...needed.map(({ path }) => path)];
}

/**
 * Returns the mounts with these names in the order in which they were mounted, one for each
 * filesystem. Throws for a path that is no mount point, for a filesystem that no kernel can freeze,
 * and for a filesystem that the agent must write to: the agent would wait for its own thaw.
 */
export function mountsToFreeze(
  names: readonly string[],
  needed: readonly Needed[],
  realPaths: RealPaths,
  mounts: readonly Mount[] = readMounts(),
): Mount[] {
  const found = new Set<Mount>();
  for (const name of names) found.add(mountNamed(name, realPaths, mounts));
  const devices = new Set<string>();
  const chosen = mounts.filter((mount) => {
    if (!found.has(mount) || devices.has(mount.device)) return false;
    devices.add(mount.device);
    return true;
  });
  refuseNeeded(needed, realPaths, mounts, devices);
  return chosen;
}

/** The mounts to freeze if none is named, and those that are left alone. */
export interface AllMounts {
  /** One mount of each filesystem, in the order in which they were mounted. */
  readonly chosen: readonly Mount[];
  /** A mount point of each foreign filesystem, and of each that cannot be reached safely. */
  readonly leftAlone: readonly string[];
}

/**
 * Chooses every writable filesystem on a disk. Throws for a filesystem that the agent must write
 * to, and if the agent writes to a stacked filesystem, whose disk is unknown.
 */
export function allMountsToFreeze(
  needed: readonly Needed[],
  realPaths: RealPaths,
  mounts: readonly Mount[],
): AllMounts {
  const { disks, leftAlone } = chooseDisks(mounts);
  const first = new Set(disks.map(([mount]) => mount));
  const chosen = mounts.filter((mount) => first.has(mount));
  const devices = new Set(chosen.map(({ device }) => device));
  refuseNeeded(needed, realPaths, mounts, devices);
  for (const { path, what } of chosen.length > 0 ? needed : []) {
    const { type } = mountOf(realPathOf(path, realPaths), mounts);
    if (!isStacked(type)) continue;
    throw new Error(
      `Cannot freeze every mount: ${what} ${path} lies on a filesystem of type ${type}, which writes to an unknown disk`,
    );
  }
  return { chosen, leftAlone };
}

/** Throws if a path that the agent needs lies on one of the devices. */
function refuseNeeded(
  needed: readonly Needed[],
  realPaths: RealPaths,
  mounts: readonly Mount[],
  devices: ReadonlySet<string>,
): void {
  for (const { path, what } of needed) {
    const mount = mountOf(realPathOf(path, realPaths), mounts);
    if (!devices.has(mount.device)) continue;
    throw new Error(
      `Cannot freeze ${mount.mountPoint}: ${what} ${path} lies on it`,
    );
  }
}

/**
 * Returns the mount at that mount point; undefined if there is none. Throws if no kernel can freeze
 * it, before any call on it.
 */
function mountAt(name: string, mounts: readonly Mount[]): Mount | undefined {
  const mount = mounts.findLast(({ mountPoint }) => mountPoint === name);
  if (mount !== undefined && neverFreezes(mount.type)) {
    throw new Error(
      `Cannot freeze ${name}: a filesystem of type ${mount.type} cannot be frozen`,
    );
  }
  return mount;
}

function mountNamed(
  name: string,
  realPaths: RealPaths,
  mounts: readonly Mount[],
): Mount {
  const named = mountAt(name, mounts);
  if (named !== undefined) return named;
  const path = realPathOf(name, realPaths);
  const mount = mountAt(path, mounts);
  if (mount !== undefined) return mount;
  throw new Error(
    `Cannot freeze ${name}: it is no mount point, it lies on ${
      mountOf(path, mounts).mountPoint
    }`,
  );
}

function realPathOf(path: string, realPaths: RealPaths): string {
  const real = realPaths.get(path);
  if (real !== undefined && "path" in real) return real.path;
  throw new Error(
    `Cannot find the mount of ${path}: ${real?.error ?? "not resolved"}`,
  );
}
