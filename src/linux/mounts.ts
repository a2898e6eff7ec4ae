/**
 * Which mounts are synced, and which may be frozen.
 * @module
 */
import { closeSync, fstatSync, readlinkSync, realpathSync } from "node:fs";
import { messageOf } from "../lifecycle/step.ts";
import { openMount } from "./fsfreeze.ts";
import type { Libc } from "./libc.ts";
import { type Mount, mountOf, readMounts } from "./mountinfo.ts";
import { syncFilesystem } from "./sync.ts";

/** One mount for each filesystem that is writable and lies on a block device. */
export function writableDisks(mounts: readonly Mount[]): Mount[] {
  const seen = new Set<string>();
  return mounts.filter((mount) => {
    // btrfs has device numbers of its own making; its source tells all the same.
    const onDisk = mount.source.startsWith("/dev/") ||
      !mount.device.startsWith("0:");
    if (!mount.writable || !onDisk || seen.has(mount.device)) return false;
    seen.add(mount.device);
    return true;
  });
}

/** What was synced. */
export interface SyncedMounts {
  readonly [key: string]: unknown;
  readonly mounts: readonly string[];
  readonly ms: number;
}

/**
 * syncfs(2) of every writable filesystem on a disk: unlike sync(2) it tells
 * where a disk failed, and no network filesystem holds it up. Tries all, then
 * fails with those that failed.
 */
export async function syncWritableMounts(
  libc: Libc,
  signal?: AbortSignal,
  mounts = readMounts(),
): Promise<SyncedMounts> {
  const start = performance.now();
  const synced: string[] = [];
  const failures: string[] = [];
  for (const { mountPoint } of writableDisks(mounts)) {
    signal?.throwIfAborted();
    try {
      const fd = openMount(mountPoint);
      try {
        await syncFilesystem(libc, fd, signal);
      } finally {
        closeSync(fd);
      }
      synced.push(mountPoint);
    } catch (error) {
      failures.push(`${mountPoint}: ${messageOf(error)}`);
    }
  }
  if (failures.length > 0) {
    throw new Error(`Cannot sync every mount: ${failures.join("; ")}`);
  }
  return { mounts: synced, ms: performance.now() - start };
}

/** Something that the agent writes while a filesystem is frozen. */
export interface Needed {
  readonly path: string;
  readonly what: string;
}

/** What the agent writes: its runtime directory, and a log that is a file. */
export function neededPaths(runtimeDirectory: string): Needed[] {
  const logs = [1, 2].filter((fd) => fstatSync(fd).isFile()).map((fd) => ({
    path: readlinkSync(`/proc/self/fd/${fd}`),
    what: "the agent's log",
  }));
  return [{ path: runtimeDirectory, what: "the runtime directory" }, ...logs];
}

/**
 * The mounts of these names in the order in which they were mounted, one for
 * each filesystem. Fails on a path that is no mount point, and on a filesystem
 * that the agent must write: it would wait for its own thaw.
 */
export function mountsToFreeze(
  names: readonly string[],
  needed: readonly Needed[],
  mounts = readMounts(),
): Mount[] {
  const found = new Set<Mount>();
  for (const name of names) found.add(mountNamed(name, mounts));
  const devices = new Set<string>();
  const chosen = mounts.filter((mount) => {
    if (!found.has(mount) || devices.has(mount.device)) return false;
    devices.add(mount.device);
    return true;
  });
  for (const { path, what } of needed) {
    const mount = mountOf(realpathOf(path), mounts);
    if (!devices.has(mount.device)) continue;
    throw new Error(
      `Cannot freeze ${mount.mountPoint}: ${what} ${path} lies on it`,
    );
  }
  return chosen;
}

function mountNamed(name: string, mounts: readonly Mount[]): Mount {
  const path = realpathOf(name);
  const mount = mountOf(path, mounts);
  if (mount.mountPoint === path) return mount;
  throw new Error(
    `Cannot freeze ${name}: it is no mount point, it lies on ${mount.mountPoint}`,
  );
}

function realpathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const { code } = error as { code?: string };
    throw new Error(`Cannot find the mount of ${path}: ${code ?? error}`);
  }
}
