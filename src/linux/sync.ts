/**
 * Dirty pages to disk: sync(2) and syncfs(2), which may take seconds, without
 * holding up the event loop.
 * @module
 */
import { failed, type Libc, need } from "./libc.ts";
import { callOnThread, canCallOnThread } from "./thread.ts";

/** How long it took, in milliseconds. */
export type Synced = { readonly ms: number };

/**
 * Writes all filesystems out. Where the signal aborts, rejects with its reason
 * and lets the kernel finish. Blocks where this libc has no threads for us.
 */
export async function syncFilesystems(
  libc: Libc,
  signal?: AbortSignal,
): Promise<Synced> {
  const start = performance.now();
  if (canCallOnThread(libc)) await callOnThread(libc, "sync", 0n, signal);
  else blockOnSync(libc, signal);
  return { ms: performance.now() - start };
}

/**
 * Writes the one filesystem out that the open file descriptor lies on; fails
 * where the disk did. The descriptor must stay open until then.
 */
export async function syncFilesystem(
  libc: Libc,
  fd: number,
  signal?: AbortSignal,
): Promise<Synced> {
  const start = performance.now();
  if (!canCallOnThread(libc)) blockOnSyncfs(libc, fd, signal);
  else if (await callOnThread(libc, "syncfs", BigInt(fd), signal) === -1) {
    throw new Error(`Cannot sync the filesystem of fd ${fd}: syncfs failed`);
  }
  return { ms: performance.now() - start };
}

function blockOnSync(libc: Libc, signal?: AbortSignal): void {
  signal?.throwIfAborted();
  need(libc.sync, "sync")();
}

function blockOnSyncfs(libc: Libc, fd: number, signal?: AbortSignal): void {
  signal?.throwIfAborted();
  if (need(libc.syncfs, "syncfs")(fd) === -1) {
    throw failed(libc, "sync", `the filesystem of fd ${fd}`);
  }
}
