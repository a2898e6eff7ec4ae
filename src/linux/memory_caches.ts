/**
 * The kernel's caches and the order of its memory: /proc/sys/vm/drop_caches and
 * compact_memory (admin-guide/sysctl/vm in the kernel's documentation). Root's alone.
 * @module
 */
import { access, constants, open } from "node:fs/promises";

/** What to drop: pages of files, or those and inodes and names too. */
export type DroppedCaches = "pagecache" | "all";

const VM = "/proc/sys/vm";

/** Drops caches that are clean; what is dirty stays, so sync first. */
export async function dropCaches(
  which: DroppedCaches,
  directory = VM,
): Promise<void> {
  await command(`${directory}/drop_caches`, which === "all" ? "3" : "1");
}

/** Moves what is in use together, so that free memory is in large pieces. */
export async function compactMemory(directory = VM): Promise<void> {
  await command(`${directory}/compact_memory`, "1");
}

/** Why these files cannot be written here, or undefined. */
export async function withoutCaches(
  directory = VM,
): Promise<string | undefined> {
  try {
    await access(`${directory}/drop_caches`, constants.W_OK);
    return undefined;
  } catch (error) {
    const { code } = error as { code?: string };
    return `${directory} may not be written to: ${code ?? error}`;
  }
}

/** The kernel works before the write returns, which is why it must not be on the event loop. */
async function command(path: string, word: string): Promise<void> {
  // The files can be written only, not even root may read them everywhere.
  const file = await open(path, constants.O_WRONLY);
  try {
    await file.write(word);
  } finally {
    await file.close();
  }
}
