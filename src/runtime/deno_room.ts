/**
 * V8's memory for young objects, which it takes from the kernel page by page.
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";
import { getHeapSpaceStatistics } from "node:v8";
import type { Libc } from "../linux/libc.ts";

/** Such a page of V8's. */
const YOUNG_PAGE_BYTES = 256 * 1024;
/** Of zeros, which no snapshot carries. */
const FILLER_ITEMS = 1000;
const MOST_FILLERS = YOUNG_PAGE_BYTES / (FILLER_ITEMS * 8) * 2;
/** madvise(2), since Linux 5.14: as if each page were written to. */
const MADV_POPULATE_WRITE = 23;

/** Room for the list of what is mapped, some 15 KB; its end is of no interest. */
const MAPS_BYTES = 64 * 1024;
const LINE_END = 10;
/** Two addresses and what is between them. */
const RANGE_BYTES = 40;

/**
 * Goes on to the next page for young objects, and has the kernel put memory there:
 * a fork would have to do both, and bring V8's code for the first of them back from
 * the disk, while its caller waits. A collection leaves none of them mapped but the
 * one in use. What is looked at on the way lies outside of V8's memory, or it would
 * fill the page.
 */
export function makeRoom({ madvise }: Pick<Libc, "madvise">): void {
  const before = new Uint8Array(MAPS_BYTES);
  const after = new Uint8Array(MAPS_BYTES);
  readMappings(before);
  const { space_size: size } = youngSpace();
  for (let i = 0; i < MOST_FILLERS && youngSpace().space_size === size; i++) {
    new Array(FILLER_ITEMS).fill(0);
  }
  readMappings(after);
  const page = addedRange(before, after);
  // Whatever else it may be, it is left alone.
  if (page?.bytes !== YOUNG_PAGE_BYTES) return;
  // Refused by an older kernel, it is the fork's to do.
  madvise?.(BigInt(page.from), BigInt(page.bytes), MADV_POPULATE_WRITE);
}

function youngSpace() {
  return getHeapSpaceStatistics().find(({ space_name }) =>
    space_name === "new_space"
  )!;
}

/** A line for each range: `FROM-TO ...` in hexadecimal, in order (proc_pid_maps(5)). */
function readMappings(into: Uint8Array): void {
  const file = openSync("/proc/self/maps", "r");
  try {
    for (let at = 0, count = -1; count !== 0; at += count) {
      count = readSync(file, into, at, into.length - at, null);
    }
  } finally {
    closeSync(file);
  }
}

/** The first that has been added; it may have joined a neighbour. */
function addedRange(
  before: Uint8Array,
  after: Uint8Array,
): { from: number; bytes: number } | undefined {
  let start = 0;
  let at = 0;
  for (; at < after.length && after[at] === before[at]; at++) {
    if (after[at] === LINE_END) start = at + 1;
  }
  if (at === after.length) return undefined;
  const [oldFrom, oldTo] = rangeAt(before, start);
  const [from, to] = rangeAt(after, start);
  if (from === oldFrom) return { from: oldTo, bytes: to - oldTo };
  return { from, bytes: (to === oldTo ? oldFrom : to) - from };
}

/** Below 2^47. */
function rangeAt(bytes: Uint8Array, start: number): number[] {
  const text = new TextDecoder().decode(
    bytes.subarray(start, start + RANGE_BYTES),
  );
  return text.split(" ", 1)[0].split("-").map((word) => parseInt(word, 16));
}
