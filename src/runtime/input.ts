/**
 * A file that is read as it grows, on a thread of the runtime's pool.
 * @module
 */
import { closeSync, openSync, read, writeSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import type { Input } from "./types.ts";

/** More than any record of the kernel's log (PRINTK_MESSAGE_MAX is 2048). */
const BYTES = 8192;

/** Of the event loop, from the call of a read until the loop waits for it. */
const TURNS = 3;

/**
 * Opens it. A read blocks one thread of the pool, cannot be cancelled, and keeps
 * the event loop alive. (The pools of both runtimes have at least two threads.)
 */
export function openOnPool(path: string, flags = "r"): Input {
  const fd = openSync(path, flags);
  const buffer = new Uint8Array(BYTES);
  return {
    fd,
    next: () =>
      new Promise((resolve, reject) => {
        read(fd, buffer, 0, BYTES, null, (error) => {
          if (error === null) resolve();
          else reject(error);
        });
      }),
  };
}

/**
 * Goes the same way once, with a pipe that has a name: the read has to wait, as
 * whoever does not wait is not woken up.
 */
export async function tryPool(pipe: string | undefined): Promise<void> {
  if (pipe === undefined) return;
  const { fd, next } = openOnPool(pipe, "r+");
  try {
    const read = next();
    for (let turns = 0; turns < TURNS; turns++) await turn();
    writeSync(fd, "\n");
    await read;
  } finally {
    closeSync(fd);
  }
}
