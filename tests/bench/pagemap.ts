/**
 * Reads the kernel's tables that have eight bytes for each page:
 * /proc/PID/pagemap by virtual page (proc_pid_pagemap(5)), /proc/kpageflags by
 * page frame (admin-guide/mm/pagemap.rst of the kernel).
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";

const ENTRY = 8;

/** Entries of such a table: the low and the high half of each, in turn. */
export type Entries = Uint32Array;

/** Bits of the high half of an entry of a pagemap. */
export const SOFT_DIRTY: number = 1 << (55 - 32);
export const PRESENT: number = 1 << (63 - 32);
const FRAME_HIGH = (1 << (55 - 32)) - 1;

/** An open table, closed by `using`. */
export class PageTable implements Disposable {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, "r");
  }

  /** So many entries from the first one on; fewer at the table's end. */
  read(first: number, count: number): Entries {
    const bytes = new Uint8Array(count * ENTRY);
    let done = 0;
    while (done < bytes.length) {
      const position = first * ENTRY + done;
      const rest = bytes.length - done;
      const length = readSync(this.#fd, bytes, done, rest, position);
      if (length === 0) break;
      done += length;
    }
    return new Uint32Array(bytes.buffer, 0, done / 4);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/**
 * The page frames of a pagemap's entries, 0 for each page that is not there.
 * The kernel shows frames to root only; without it all of them are 0.
 */
export function framesIn(entries: Entries): number[] {
  return Array.from({ length: entries.length / 2 }, (_, i) => {
    const high = entries[2 * i + 1];
    if (!(high & PRESENT)) return 0;
    return (high & FRAME_HIGH) * 2 ** 32 + entries[2 * i];
  });
}
