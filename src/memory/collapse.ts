/**
 * Moves the agent's own heap into huge pages, so that a restore of the guest needs fewer frames.
 * Loaded only if a host asks for it.
 * @module
 */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { pageBytes } from "../linux/page_size.ts";
import type { Libc } from "../linux/libc.ts";
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

/** An anonymous mapping that the process may write. */
interface Region {
  readonly from: number;
  readonly to: number;
  /** Bytes of it in huge pages. */
  huge: number;
  resident: number;
}

/**
 * Collapses every chunk of the agent's heap of which at least LEAST_SHARE is in memory. The counts
 * are zero if the kernel cannot collapse memory.
 */
export function collapseOwn(libc: Libc): Collapse {
  const start = performance.now();
  const before = regionsOf(readFileSync("/proc/self/smaps", "latin1"));
  const chunks = before.map((region) => chunksOf(region));
  let count = 0;
  for (const address of chunks.flat()) {
    count++;
    libc.madvise?.(BigInt(address), BigInt(CHUNK), MADV_COLLAPSE);
  }
  const hugeBefore = hugeIn(before);
  const hugeAfter = hugeIn(
    regionsOf(readFileSync("/proc/self/smaps", "latin1")),
  );
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

/** The anonymous mappings with pages in memory, proc_pid_smaps(5). */
export function regionsOf(smaps: string): Region[] {
  const found: Region[] = [];
  let last: Region | undefined;
  for (const line of smaps.split("\n")) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+) *(.*)$/.exec(
      line,
    );
    if (head !== null) {
      const [, from, to, rights, inode, name] = head;
      const isHeap = rights.startsWith("rw-p") && inode === "0" &&
        !name.startsWith("[stack") && !name.startsWith("[v");
      last = isHeap
        ? {
          from: parseInt(from, 16),
          to: parseInt(to, 16),
          huge: 0,
          resident: 0,
        }
        : undefined;
      if (last !== undefined) found.push(last);
      continue;
    }
    const counter = /^(Rss|AnonHugePages): +(\d+) kB$/.exec(line);
    if (last === undefined || counter === null) continue;
    const bytes = Number(counter[2]) * 1024;
    if (counter[1] === "Rss") last.resident = bytes;
    else last.huge = bytes;
  }
  return found.filter(({ resident }) => resident > 0);
}

function hugeIn(regions: readonly Region[]): number {
  return regions.reduce((sum, { huge }) => sum + huge, 0) / CHUNK;
}

/** The addresses of the chunks of a mapping of which at least LEAST_SHARE is in memory. */
function chunksOf({ from, to, resident }: Region): number[] {
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
