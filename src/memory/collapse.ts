/**
 * Moves the agent's own heap into huge pages, so that a restore of the guest needs fewer frames.
 * Loaded only if a host asks for it.
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";
import { pageBytes } from "../linux/page_size.ts";
import type { Libc } from "../linux/libc.ts";
import { type ResidentMapping, residentMappings } from "../linux/smaps.ts";
import { since } from "../util/errors.ts";

/** madvise(2), since Linux 6.1. */
const MADV_COLLAPSE = 25;
/** The bytes of a huge page (4 KiB pages). */
const CHUNK = 2 ** 21;
/** Bytes of an entry of pagemap, and the bit that says that the page is in memory. */
const ENTRY_BYTES = 8;
const PRESENT = 0x8000_0000;
/**
 * The share of a chunk that must be in memory. The kernel fills the rest with zeros: a collapse of a
 * chunk with one page would make 511 new pages for the snapshot.
 */
const LEAST_SHARE = 0.5;

/** What a collapse did, by the kernel's counters. */
export interface Collapse {
  /** How many anonymous mappings have a chunk that was to be collapsed. */
  readonly regions: number;
  readonly chunks: number;
  readonly collapsed: number;
  readonly alreadyHuge: number;
  readonly skipped: number;
  readonly elapsedMs: number;
}

/**
 * Collapses every chunk of the agent's heap of which at least LEAST_SHARE is in memory. The counts
 * are zero if the kernel cannot collapse memory.
 */
export function collapseOwn(libc: Libc): Collapse {
  const start = performance.now();
  const before = residentMappings().filter(isHeap);
  const chunks = before.map((region) => chunksOf(region));
  let count = 0;
  for (const address of chunks.flat()) {
    count++;
    libc.madvise?.(BigInt(address), BigInt(CHUNK), MADV_COLLAPSE);
  }
  const hugeBefore = hugeIn(before);
  const hugeAfter = hugeIn(residentMappings().filter(isHeap));
  const alreadyHuge = Math.min(count, hugeBefore);
  const collapsed = Math.max(
    0,
    Math.min(count - alreadyHuge, hugeAfter - hugeBefore),
  );
  return {
    regions: chunks.filter((some) => some.length > 0).length,
    chunks: count,
    collapsed,
    alreadyHuge,
    skipped: count - alreadyHuge - collapsed,
    elapsedMs: Math.round(since(start)),
  };
}

/** Whether a mapping is anonymous memory that this process may write, and no stack. */
export function isHeap({ rights, isFile, name }: ResidentMapping): boolean {
  return rights.startsWith("rw-p") && !isFile && !name.startsWith("[stack") &&
    !name.startsWith("[v");
}

function hugeIn(regions: readonly ResidentMapping[]): number {
  return regions.reduce((sum, { huge }) => sum + huge, 0) / CHUNK;
}

/** The addresses of the chunks of a mapping of which at least LEAST_SHARE is in memory. */
function chunksOf({ from, to, resident }: ResidentMapping): number[] {
  const first = Math.ceil(from / CHUNK) * CHUNK;
  const last = Math.floor(to / CHUNK) * CHUNK;
  // A runtime reserves gigabytes of addresses without pages: their entries are not read.
  if (last <= first || resident < CHUNK * LEAST_SHARE) return [];
  const found: number[] = [];
  const page = pageBytes();
  const entries = new Uint8Array(CHUNK / page * ENTRY_BYTES);
  const view = new DataView(entries.buffer);
  const pagemap = openSync("/proc/self/pagemap", "r");
  try {
    let left = resident;
    for (let at = first; at < last && left > 0; at += CHUNK) {
      readSync(pagemap, entries, 0, entries.length, at / page * ENTRY_BYTES);
      let present = 0;
      for (let entry = 0; entry < entries.length; entry += ENTRY_BYTES) {
        if ((view.getUint32(entry + 4, true) & PRESENT) !== 0) present++;
      }
      left -= present * page;
      if (present * page >= CHUNK * LEAST_SHARE) found.push(at);
    }
  } finally {
    closeSync(pagemap);
  }
  return found;
}
