/**
 * The agent's working set as guest-physical ranges: the pages that a recovery needs, for a host that
 * fetches them before the guest asks for them. Loaded only if the working set is published.
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";
import { pageBytes } from "../linux/page_size.ts";
import { type ResidentMapping, residentMappings } from "../linux/smaps.ts";

/** The working set in the guest's physical memory. */
export interface PublishedSet {
  /** The bytes of a page. */
  readonly pageSize: number;
  /** The ranges in ascending order: the physical address of the first byte, and the bytes. */
  readonly ranges: readonly (readonly [address: number, bytes: number])[];
}

/** The pages of a file's mapping, by its address, that a recovery needs; undefined if unknown. */
export type Needed = (address: bigint) => Uint8Array | undefined;

/** Bytes of an entry of pagemap, and the number of entries that are read at a time. */
const ENTRY_BYTES = 8;
const ENTRIES = 8192;
/** The bit of the high half of an entry: the page is in memory. */
const PRESENT = 0x8000_0000;
/** The bits of the high half of an entry that belong to the frame number: 32 to 54. */
const FRAME_HIGH = 0x7f_ffff;

/**
 * Reads which frames of the machine's memory hold the agent's pages: its heap and stacks, and the
 * pages of its program that a recovery needs. Undefined if the kernel does not show frames, which it
 * shows to root only (proc_pid_pagemap(5)).
 */
export function publishedSet(needed: Needed): PublishedSet | undefined {
  const mappings = residentMappings();
  const frames: number[] = [];
  const pagemap = openSync("/proc/self/pagemap", "r");
  try {
    for (const mapping of mappings) addFrames(pagemap, mapping, needed, frames);
  } finally {
    closeSync(pagemap);
  }
  if (frames.length === 0) return undefined;
  return { pageSize: pageBytes(), ranges: rangesOf(frames) };
}

function addFrames(
  pagemap: number,
  { from, to, isFile }: ResidentMapping,
  needed: Needed,
  frames: number[],
): void {
  const needs = isFile ? needed(BigInt(from)) : undefined;
  const pageSize = pageBytes();
  const first = from / pageSize;
  const pages = (to - from) / pageSize;
  const bytes = new Uint8Array(Math.min(ENTRIES, pages) * ENTRY_BYTES);
  const halves = new Uint32Array(bytes.buffer);
  for (let page = 0; page < pages;) {
    const position = (first + page) * ENTRY_BYTES;
    const length = Math.min(bytes.length, (pages - page) * ENTRY_BYTES);
    const count = readSync(pagemap, bytes, 0, length, position) / ENTRY_BYTES;
    if (count < 1) return; // addresses that only the kernel uses
    for (let i = 0; i < count; i++, page++) {
      const high = halves[2 * i + 1];
      if ((high & PRESENT) === 0 || needs?.[page] === 0) continue;
      const frame = (high & FRAME_HIGH) * 2 ** 32 + halves[2 * i];
      if (frame !== 0) frames.push(frame);
    }
  }
}

/** Joins frames that follow each other. A frame may be mapped more than once. */
export function rangesOf(frames: number[]): [number, number][] {
  const page = pageBytes();
  const ranges: [number, number][] = [];
  let end = -1;
  for (const frame of Float64Array.from(frames).sort()) {
    if (frame === end - 1) continue;
    if (frame === end) ranges[ranges.length - 1][1] += page;
    else ranges.push([frame * page, page]);
    end = frame + 1;
  }
  return ranges;
}
