/**
 * Drops the kernel's caches and compacts its memory: /proc/sys/vm/drop_caches and compact_memory
 * (admin-guide/sysctl/vm in the kernel's documentation). Only root may do this.
 * @module
 */
import { accessSync, constants } from "node:fs";
import { errorText } from "../util/errors.ts";
import { nodeFsPromises } from "../util/lazy_builtins.ts";
import { callOnPool } from "../linux/pool_call.ts";

/** The caches to drop: pages of files, or also inodes and directory entries. */
export type DroppedCaches = "pagecache" | "all";

const VM = "/proc/sys/vm";

/** Drops clean caches. Dirty pages stay, so the filesystems must be synced before. */
export async function dropCaches(
  which: DroppedCaches,
  signal?: AbortSignal,
  directory = VM,
): Promise<void> {
  const word = which === "all" ? "3" : "1";
  await command(`${directory}/drop_caches`, word, signal);
}

/** Moves used pages together, so that free memory lies in large blocks. */
export async function compactMemory(
  signal?: AbortSignal,
  directory = VM,
): Promise<void> {
  await command(`${directory}/compact_memory`, "1", signal);
}

/** Returns why these files cannot be written; undefined if they can. */
export function withoutCaches(directory = VM): string | undefined {
  try {
    accessSync(`${directory}/drop_caches`, constants.W_OK);
    return undefined;
  } catch (error) {
    return `${directory} may not be written to: ${errorText(error)}`;
  }
}

/**
 * Writes a command. The kernel does the work before the write returns, and it may wait for a
 * filesystem that is being mounted, unmounted or frozen. Rejects as soon as the signal aborts; the
 * kernel continues the work.
 */
async function command(
  path: string,
  word: string,
  signal?: AbortSignal,
): Promise<void> {
  await callOnPool(`write to ${path}`, async () => {
    // Opened for writing only: on some kernels, even root may not read these files.
    const file = await nodeFsPromises().open(path, constants.O_WRONLY);
    try {
      await file.write(word);
    } finally {
      await file.close();
    }
  }, { signal });
}
