/**
 * Tells what each page of a guest is used for: the guest's own kernel says it.
 * @module
 */
import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import type { Machine } from "../vm/support/machine.ts";
import { PAGE } from "./memory_files.ts";
import { framesIn } from "./pagemap.ts";

/** What a page of a guest can be used for, in the order of the table. */
export const PAGE_TYPES = [
  "agent's heap", // and its stacks
  "agent's program", // pages of files that the agent has mapped
  "page tables",
  "kernel image", // and what the kernel set aside at its boot
  "kernel slab",
  "kernel, other", // stacks, network buffers, pages in the lists of the CPUs
  "file pages", // of other programs, or read by any program
  "other programs",
  "free",
] as const;

/** One of the types. */
export type PageType = typeof PAGE_TYPES[number];

// Bits of the low half of an entry of /proc/kpageflags (linux/kernel-page-flags.h).
const UPTODATE = 1 << 3;
const LRU = 1 << 5;
const SLAB = 1 << 7;
const BUDDY = 1 << 10;
const MMAP = 1 << 11;
const ANON = 1 << 12;
const SWAPBACKED = 1 << 14;
const NOPAGE = 1 << 20;
const ZERO_PAGE = 1 << 24;
const PGTABLE = 1 << 26;
/** Bit of the high half, beyond what the header above promises. */
const RESERVED = 1 << (32 - 32);

/** What a page with these flags is used for; `mapped` by the agent or not. */
export function typeOf(low: number, high: number, mapped: boolean): PageType {
  if (high & RESERVED || low & (ZERO_PAGE | NOPAGE)) return "kernel image";
  if (low & PGTABLE) return "page tables";
  if (low & SLAB) return "kernel slab";
  if (low & BUDDY) return "free";
  if (low & ANON) return mapped ? "agent's heap" : "other programs";
  if (mapped) return "agent's program";
  if (low & (LRU | MMAP | UPTODATE | SWAPBACKED)) return "file pages";
  return "kernel, other";
}

/** A stretch of a file in blocks of 4096 bytes, as dd counts them. */
export interface Blocks {
  readonly first: number;
  readonly count: number;
}

/**
 * The blocks of a process's pagemap with all its pages that are in memory, from
 * the text of its smaps. A block has the entries of 2 MiB of addresses. Most of
 * what a runtime reserves is empty: its pagemap as a whole has gigabytes.
 */
export function residentBlocks(smaps: string): Blocks[] {
  const blocks: Blocks[] = [];
  let range: [number, number] = [0, 0];
  for (const line of smaps.split("\n")) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (head) range = [parseInt(head[1], 16), parseInt(head[2], 16)];
    if (!/^Rss: +[1-9]/.test(line)) continue;
    const first = Math.floor(range[0] / BLOCK_BYTES);
    const end = Math.ceil(range[1] / BLOCK_BYTES);
    const last = blocks.at(-1);
    if (last && first <= last.first + last.count) {
      blocks[blocks.length - 1] = { ...last, count: end - last.first };
    } else blocks.push({ first, count: end - first });
  }
  return blocks;
}

/** The bytes of addresses whose entries of a pagemap are in one block. */
const BLOCK_BYTES = PAGE / 8 * PAGE;

/**
 * What each page of a running guest is used for, by its number in the guest's
 * memory file. The guest has 2 GiB at most: there the numbers are its frames.
 */
export async function pageTypes(machine: Machine): Promise<PageType[]> {
  const count = machine.hardware.memory * 2 ** 20 / PAGE;
  const mapped = new Set<number>();
  const pids = await machine.sh("pidof lull || pidof deno || true");
  for (const pid of pids.split(" ").filter(Boolean)) {
    const blocks = residentBlocks(await machine.sh(`cat /proc/${pid}/smaps`));
    const entries = await readBlocks(machine, `/proc/${pid}/pagemap`, blocks);
    for (const frame of framesIn(entries)) mapped.add(frame);
  }
  mapped.delete(0); // a page that is not there
  const whole = [{ first: 0, count: count * 8 / PAGE }];
  const flags = await readBlocks(machine, "/proc/kpageflags", whole);
  return Array.from(
    { length: count },
    (_, page) => typeOf(flags[2 * page], flags[2 * page + 1], mapped.has(page)),
  );
}

/** Reads blocks of a file in the guest; compressed, as most of them is zeros. */
async function readBlocks(
  machine: Machine,
  file: string,
  blocks: readonly Blocks[],
): Promise<Uint32Array> {
  const parts = blocks.map(({ first, count }) =>
    `dd if=${file} bs=${PAGE} skip=${first} count=${count} 2>/dev/null`
  );
  const text = await machine.sh(`{ ${parts.join("; ")}; } | gzip -1 | base64`);
  const bytes = gunzipSync(Buffer.from(text, "base64"));
  return new Uint32Array(Uint8Array.from(bytes).buffer);
}

/** How many of these pages are of each type. */
export function countTypes(
  pages: readonly number[],
  types: readonly PageType[],
): Record<PageType, number> {
  const counts = Object.fromEntries(PAGE_TYPES.map((type) => [type, 0]));
  for (const page of pages) counts[types[page]]++;
  return counts as Record<PageType, number>;
}
