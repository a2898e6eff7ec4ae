/**
 * Memory for the objects and buffers of a reply. V8 takes memory for young objects from the kernel
 * page by page, and a collection trims the C library's heap. With this, the first recovery of a
 * fresh agent on Deno 2.9.6 has 20 page faults instead of 57 (medians of 15 agents).
 * @module
 */
import { readFileSync } from "node:fs";
import type { Libc } from "../linux/libc.ts";
import { nodeV8 } from "../util/lazy_builtins.ts";

/** Such a page of V8's, at a multiple of its size. */
const YOUNG_PAGE_BYTES = 256 * 1024;
/**
 * V8 may take some for its other objects at the same time, which look alike: so many
 * ranges at most, and as many pages in each.
 */
const MOST_PAGES = 4;
/** Of zeros, which no snapshot carries. */
const FILLER_ITEMS = 1000;
const MOST_FILLERS = YOUNG_PAGE_BYTES / (FILLER_ITEMS * 8) * 2;
const PAGE_BYTES = 4096n;
/** madvise(2), since Linux 5.14: as if each page were written to. */
const MADV_POPULATE_WRITE = 23;

/** Of malloc's: for a connection's many small ones, and its few buffers. */
const PIECES = [...new Array(64).fill(1000), ...new Array(4).fill(16_000)];

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Sees to it that a reply's young objects, and its buffers, find memory there. */
export function prefaultHeap(libc: RoomLibc): void {
  makeYoungRoom(libc);
  makeHeapRoom(libc);
}

type RoomLibc = Pick<Libc, "madvise" | "malloc" | "free">;

/** What is freed stays with the heap, as long as that is not trimmed again. */
function makeHeapRoom({ madvise, malloc, free }: RoomLibc): void {
  if (malloc === undefined || free === undefined) return;
  const pieces = PIECES.map((bytes) => {
    const piece = malloc(BigInt(bytes));
    const from = piece - piece % PAGE_BYTES;
    madvise?.(from, piece + BigInt(bytes) - from, MADV_POPULATE_WRITE);
    return piece;
  });
  for (const piece of pieces) free(piece);
}

/**
 * Goes on to the next page for young objects, and has the kernel put memory there:
 * a fork would have to do both, and bring V8's code for the first of them back from
 * the disk, while its caller waits. A collection leaves none of them mapped but the
 * one in use.
 */
function makeYoungRoom({ madvise }: RoomLibc): void {
  const before = privateMappings();
  const { space_size: size } = youngSpace();
  for (let i = 0; i < MOST_FILLERS && youngSpace().space_size === size; i++) {
    new Array(FILLER_ITEMS).fill(0);
  }
  const pages = added(before, privateMappings()).filter(isWholePages);
  for (const { from, to } of pages.slice(0, MOST_PAGES)) {
    // Refused by an older kernel, it is the fork's to do.
    madvise?.(BigInt(from), BigInt(to - from), MADV_POPULATE_WRITE);
  }
}

function youngSpace() {
  return nodeV8().getHeapSpaceStatistics().find(({ space_name }) =>
    space_name === "new_space"
  )!;
}

function isWholePages({ from, to }: Range): boolean {
  return from % YOUNG_PAGE_BYTES === 0 && to % YOUNG_PAGE_BYTES === 0 &&
    to - from <= MOST_PAGES * YOUNG_PAGE_BYTES;
}

/** The lines of memory without a file or a name, in order (proc_pid_maps(5)). */
function privateMappings(): string[] {
  return readFileSync("/proc/self/maps", "latin1").split("\n")
    .filter((line) => line.endsWith(" rw-p 00000000 00:00 0 "));
}

/** What is mapped after and was not before; it may have joined its neighbours. */
function added(before: string[], after: string[]): Range[] {
  const old = onlyIn(before, after);
  return onlyIn(after, before).flatMap(({ from, to }) => {
    const parts: Range[] = [];
    for (const known of old) {
      if (known.to <= from || known.from >= to) continue;
      if (known.from > from) parts.push({ from, to: known.from });
      from = known.to;
    }
    return from < to ? [...parts, { from, to }] : parts;
  });
}

/** The addresses are below 2^47. */
function onlyIn(some: string[], others: string[]): Range[] {
  const known = new Set(others);
  return some.filter((line) => !known.has(line)).map((line) => {
    const [from, to] = line.split(" ", 1)[0].split("-");
    return { from: parseInt(from, 16), to: parseInt(to, 16) };
  });
}
