/**
 * Waits for a file to grow, on a thread of Deno's pool.
 * @module
 */
import type { DescriptorWatch, FileWatch } from "../types.ts";
import { poolRead } from "./library.ts";

/** More than any record of the kernel's log (PRINTK_MESSAGE_MAX is 2048). */
const BYTES = 8192;

/**
 * Opens the file. A read blocks one thread of the pool, cannot be cancelled, and keeps the
 * event loop alive. The pool of each worker and of the main thread has 32 threads (Deno 2.9.6).
 */
export function openWatch(path: string): FileWatch {
  const file = Deno.openSync(path);
  const buffer = new Uint8Array(BYTES);
  return {
    toEnd: () => void file.seekSync(0, Deno.SeekMode.End),
    next: async () => void await file.read(buffer),
  };
}

/**
 * Watches a descriptor of any kind by a read on a thread of Deno's own. node:fs does not know
 * descriptors that it has not opened.
 */
export function watchDescriptor(
  open: (nonBlocking: boolean) => number,
): DescriptorWatch {
  const read = poolRead();
  const fd = open(false);
  const buffer = new Uint8Array(BYTES);
  return {
    fd,
    async next() {
      await read(fd, buffer, BigInt(BYTES));
    },
    end() {},
  };
}
