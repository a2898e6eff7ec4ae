/**
 * Waits for a file to grow, on a thread of Deno's pool.
 * @module
 */
import { openSync, read } from "node:fs";
import type { FileWatch } from "../types.ts";

/** More than any record of the kernel's log (PRINTK_MESSAGE_MAX is 2048). */
const BYTES = 8192;

/**
 * Opens the file. A read blocks one thread of the pool, cannot be cancelled, and keeps the
 * event loop alive. The pool has at least two threads.
 */
export function openWatch(path: string): FileWatch {
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
