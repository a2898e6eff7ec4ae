/**
 * V8's memory for young objects, which it takes from the kernel page by page.
 * @module
 */
import { readFileSync } from "node:fs";
import { getHeapSpaceStatistics } from "node:v8";
import type { Libc } from "../linux/libc.ts";

/** Such a page of V8's. */
const YOUNG_PAGE_BYTES = 256 * 1024;
/** What a reply to a prepare, a recovery and its reply use of it, and more. */
const ROOM_BYTES = YOUNG_PAGE_BYTES / 2;
/** Of zeros, which no snapshot carries. */
const FILLER_ITEMS = 1000;
const MOST_FILLERS = YOUNG_PAGE_BYTES / (FILLER_ITEMS * 8) * 2;
/** madvise(2), since Linux 5.14: as if each page were written to. */
const MADV_POPULATE_WRITE = 23;

/** From, and up to; below 2^47. */
type Range = readonly [number, number];

/**
 * Goes on to the next page for young objects, and has the kernel put memory there:
 * a fork would have to do both, and bring V8's code for the first of them back from
 * the disk, while its caller waits. A collection leaves none of them mapped but the
 * one in use.
 */
export function makeRoom({ madvise }: Pick<Libc, "madvise">): void {
  const before = mappings();
  const { space_size: size } = youngSpace();
  for (let i = 0; i < MOST_FILLERS && youngSpace().space_size === size; i++) {
    new Array(FILLER_ITEMS).fill(0);
  }
  for (const [from, to] of without(mappings(), before)) {
    if (to - from !== YOUNG_PAGE_BYTES) continue; // somebody else's
    // Refused by an older kernel, it is the fork's to do.
    madvise?.(BigInt(from), BigInt(ROOM_BYTES), MADV_POPULATE_WRITE);
  }
}

function youngSpace() {
  return getHeapSpaceStatistics().find(({ space_name }) =>
    space_name === "new_space"
  )!;
}

/** What is mapped, in order (proc_pid_maps(5)). */
function mappings(): Range[] {
  const lines = readFileSync("/proc/self/maps", "latin1").trim().split("\n");
  return lines.map((line) => {
    const [from, to] = line.slice(0, line.indexOf(" ")).split("-");
    return [parseInt(from, 16), parseInt(to, 16)];
  });
}

/** What of the ranges is in none of the others; a new one may join its neighbours. */
function without(ranges: Range[], others: Range[]): Range[] {
  return others.reduce<Range[]>(
    (left, [from, to]) =>
      left.flatMap((range): Range[] => {
        if (to <= range[0] || range[1] <= from) return [range];
        const pieces: Range[] = [[range[0], from], [to, range[1]]];
        return pieces.filter(([start, end]) => start < end);
      }),
    ranges,
  );
}
