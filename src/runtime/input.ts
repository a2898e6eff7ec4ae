/**
 * A file that is read as it grows, on a thread of the runtime's pool.
 * @module
 */
import { closeSync, openSync, read } from "node:fs";
import type { Input } from "./types.ts";

/** More than any record of the kernel's log (PRINTK_MESSAGE_MAX is 2048). */
const BYTES = 8192;

/**
 * Opens it. A read blocks one thread of the pool, cannot be cancelled, and keeps
 * the event loop alive. (The pools of both runtimes have at least two threads.)
 */
export function openOnPool(path: string): Input {
  const fd = openSync(path, "r");
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

/** Goes the same way once, with a file that has something to read. */
export async function tryPool(path: string): Promise<void> {
  const { fd, next } = openOnPool(path);
  try {
    await next();
  } finally {
    closeSync(fd);
  }
}
