/**
 * The memory of a process that is in the machine's memory and can be written: proc_pid_pagemap(5).
 * @module
 */
import { readSync } from "node:fs";
import { residentMappings } from "../linux/smaps.ts";

/** Addresses, from and to. */
type Range = readonly [number, number];

/** Bytes of an entry of pagemap, and the number of entries that are read at a time. */
const ENTRY_BYTES = 8;
const ENTRIES = 8192;
/** The bits of the high half of an entry: the page is in memory, or in swap. */
const PRESENT = 0xc000_0000;

/** The mappings of a process that can be written and have pages in memory. */
export function writableMappings(pid: number | "self" = "self"): Range[] {
  return residentMappings(pid)
    .filter(({ rights }) => rights.startsWith("rw"))
    .map(({ from, to }): Range => [from, to]);
}

/** Yields the runs of pages that are in memory: a runtime reserves gigabytes and uses a part. */
export function* residentRuns(
  pagemap: number,
  [from, to]: Range,
  pageSize: number,
): Generator<Range> {
  const entries = new Uint32Array(ENTRIES * ENTRY_BYTES / 4);
  const bytes = new Uint8Array(entries.buffer);
  let start: number | undefined;
  for (let page = from / pageSize; page < to / pageSize;) {
    const most = Math.min(ENTRIES, to / pageSize - page) * ENTRY_BYTES;
    const read = readSync(pagemap, bytes, 0, most, page * ENTRY_BYTES);
    const count = Math.floor(read / ENTRY_BYTES);
    if (count === 0) break;
    for (let i = 0; i < count; i++, page++) {
      if ((entries[2 * i + 1] & PRESENT) !== 0) {
        start ??= page * pageSize;
      } else if (start !== undefined) {
        yield [start, page * pageSize];
        start = undefined;
      }
    }
  }
  if (start !== undefined) yield [start, to];
}
