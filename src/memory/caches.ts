/**
 * The kernel's caches and the order of its memory: /proc/sys/vm/drop_caches and
 * compact_memory (admin-guide/sysctl/vm in the kernel's documentation). Root's alone.
 * @module
 */
import { accessSync, constants } from "node:fs";
import { open } from "node:fs/promises";
import { errorText } from "../util/errors.ts";
import { callOnPool } from "../linux/pool_call.ts";

/** What to drop: pages of files, or those and inodes and names too. */
export type DroppedCaches = "pagecache" | "all";

const VM = "/proc/sys/vm";

/** Drops caches that are clean; what is dirty stays, so sync first. */
export async function dropCaches(
  which: DroppedCaches,
  signal?: AbortSignal,
  directory = VM,
): Promise<void> {
  const word = which === "all" ? "3" : "1";
  await command(`${directory}/drop_caches`, word, signal);
}

/** Moves what is in use together, so that free memory is in large pieces. */
export async function compactMemory(
  signal?: AbortSignal,
  directory = VM,
): Promise<void> {
  await command(`${directory}/compact_memory`, "1", signal);
}

/** Why these files cannot be written here, or undefined. */
export function withoutCaches(directory = VM): string | undefined {
  try {
    accessSync(`${directory}/drop_caches`, constants.W_OK);
    return undefined;
  } catch (error) {
    return `${directory} may not be written to: ${errorText(error)}`;
  }
}

/**
 * The kernel does all the work before the write returns, and it may have to wait
 * for a filesystem that is being mounted, unmounted or frozen. Rejects as soon as
 * the signal aborts; the kernel then ends its work alone.
 */
async function command(
  path: string,
  word: string,
  signal?: AbortSignal,
): Promise<void> {
  await callOnPool(`write to ${path}`, async () => {
    // The files can be written only, not even root may read them everywhere.
    const file = await open(path, constants.O_WRONLY);
    try {
      await file.write(word);
    } finally {
      await file.close();
    }
  }, { signal });
}
