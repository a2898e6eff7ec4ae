/**
 * Drops pages of the program and its libraries from memory before a snapshot, except the working
 * set: the pages that a recovery needs. The disk has all these pages, so the snapshot need not
 * have them.
 * @module
 */
import { closeSync, openSync, readFileSync } from "node:fs";
import { type Libc, requireSymbol } from "../linux/libc.ts";
import { pageBytes } from "../linux/page_size.ts";

// linux/mman.h
const MADV_NORMAL = 0;
const MADV_RANDOM = 1;
/** posix_fadvise(2) */
const POSIX_FADV_DONTNEED = 4;
/** madvise(2), since Linux 5.4. */
const MADV_PAGEOUT = 21;

/** A part of a file that this process has mapped into its memory. */
interface Mapping {
  readonly address: bigint;
  readonly bytes: bigint;
  readonly path: string;
}

/** Whether this C library has the functions that `pageOutFiles` needs. */
export function canPageOut(libc: Libc): boolean {
  return libc.madvise !== undefined && libc.mincore !== undefined;
}

/**
 * Asks the kernel to drop the mapped pages of files. Returns the number of mappings that it
 * accepted. Pages that run next are read from the disk again. Until `readAhead`, each page is
 * read alone: otherwise the kernel reads 128 KiB around each page, and half of the program would
 * be in memory at once. Anonymous memory stays, because it could only go to swap.
 */
export function pageOutFiles(libc: Libc): number {
  const mappings = fileMappings();
  adviseAll(libc, mappings, MADV_RANDOM);
  const count = adviseAll(libc, mappings, MADV_PAGEOUT);
  for (const path of new Set(mappings.map(({ path }) => path))) {
    dropUnmapped(libc, path);
  }
  return count;
}

/**
 * Drops the pages of a file that are in the page cache and not mapped: the kernel read them around
 * mapped pages, and would map them again together with a page beside them.
 */
function dropUnmapped(libc: Libc, path: string): void {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return; // the file was removed, or replaced by an update
  }
  try {
    libc.posix_fadvise?.(file, 0n, 0n, POSIX_FADV_DONTNEED);
  } finally {
    closeSync(file);
  }
}

/**
 * Records the working set: the pages of the program that are read from a prepare, which drops all
 * other pages, to the beginning of the next prepare. A fork that is never prepared does not pay for
 * the record. Trims all other pages.
 */
export class WorkingSet {
  readonly #libc: Libc;
  readonly #onError: (error: unknown) => void;
  readonly #page: bigint;
  /** The working set. For the address of a mapping, a 1 for each page that stays in memory. */
  readonly #needed = new Map<bigint, Uint8Array>();
  /** Whether only pages of the working set, and pages that were read since, are in memory. */
  #out = false;
  /** Whether {@linkcode trim} has added the pages of the first settle to the working set. */
  #settled = false;

  /** `onError` gets why {@linkcode record} could not note the pages: no caller waits for it. */
  constructor(
    libc: Libc,
    onError: (error: unknown) => void,
    page = pageBytes(),
  ) {
    this.#libc = libc;
    this.#onError = onError;
    this.#page = BigInt(page);
  }

  /**
   * Drops all pages outside of the working set; called in the settle. The first call after a
   * record drops nothing and adds the resident pages to the working set: a recovery may run the
   * same code as the prepare before it.
   */
  trim(): void {
    if (this.#settled || this.#needed.size === 0) return this.pageOut();
    this.#settled = true;
    this.#out = true;
    this.#addResident();
  }

  /** Drops all pages outside of the working set; all pages if none was recorded yet. */
  pageOut(): void {
    this.#out = true;
    if (this.#needed.size === 0) return void pageOutFiles(this.#libc);
    const advise = requireSymbol(this.#libc, "madvise");
    for (const mapping of fileMappings()) {
      const resident = this.#residentOf(mapping);
      const needed = this.#needed.get(mapping.address);
      if (resident === undefined) continue;
      for (const [from, to] of runsOf(resident, needed)) {
        const address = mapping.address + BigInt(from) * this.#page;
        // The kernel refuses this for special mappings.
        advise(address, BigInt(to - from) * this.#page, MADV_PAGEOUT);
      }
    }
  }

  /** The pages of the mapping at this address that stay in memory; undefined if none is recorded. */
  neededAt(address: bigint): Uint8Array | undefined {
    return this.#needed.get(address);
  }

  /**
   * Must be called when other code runs: pages that are in memory may not be of the working set.
   */
  invalidate(): void {
    this.#out = false;
  }

  /**
   * Records the resident pages as the working set if all other pages were dropped before. Never
   * throws: if the pages cannot be read (no descriptor is free), the former working set stays.
   */
  record(): void {
    try {
      this.#addResident();
    } catch (error) {
      this.#onError(error);
    }
  }

  #addResident(): void {
    if (!this.#out) return;
    for (const mapping of fileMappings()) {
      const resident = this.#residentOf(mapping);
      if (resident === undefined) continue;
      // This includes the former working set, which was not dropped.
      this.#needed.set(mapping.address, resident);
    }
  }

  /** Returns a 1 for each resident page; undefined if the kernel does not tell. */
  #residentOf({ address, bytes }: Mapping): Uint8Array | undefined {
    const count = (bytes + this.#page - 1n) / this.#page;
    const pages = new Uint8Array(Number(count));
    // mincore(2): only the lowest bit is defined, and the kernel sets no other bit.
    const mincore = requireSymbol(this.#libc, "mincore");
    return mincore(address, bytes, pages) === 0 ? pages : undefined;
  }
}

/** Yields the ranges of pages that are resident and not in the working set, from and to. */
function* runsOf(
  resident: Uint8Array,
  needed: Uint8Array | undefined,
): Generator<readonly [number, number]> {
  const stays = (page: number) => needed !== undefined && needed[page] === 1;
  for (let at = resident.indexOf(1); at !== -1; at = resident.indexOf(1, at)) {
    const from = at;
    while (resident[at] === 1 && !stays(at)) at++;
    if (at > from) yield [from, at];
    else at++;
  }
}

/** Lets the kernel read around the pages of mapped files again. */
export function readAhead(libc: Libc): void {
  adviseAll(libc, fileMappings(), MADV_NORMAL);
}

function adviseAll(
  libc: Libc,
  mappings: readonly Mapping[],
  advice: number,
): number {
  const advise = requireSymbol(libc, "madvise");
  // The kernel may refuse this for special mappings and for files of other users.
  return mappings.filter(({ address, bytes }) =>
    advise(address, bytes, advice) === 0
  ).length;
}

/** Reads the mappings of files: the lines of proc_pid_maps(5) that have an inode. */
function fileMappings(): Mapping[] {
  return readFileSync("/proc/self/maps", "utf8").split("\n").flatMap((line) => {
    const found = /^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ (\d+) +(.*)$/
      .exec(line);
    if (found === null || found[3] === "0") return [];
    const address = BigInt(`0x${found[1]}`);
    const bytes = BigInt(`0x${found[2]}`) - address;
    return [{ address, bytes, path: found[4] }];
  });
}
