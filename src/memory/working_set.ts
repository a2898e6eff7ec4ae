/**
 * The clean pages of this process out of memory: its program and libraries,
 * which the disk has too.
 * @module
 */
import { closeSync, openSync, readFileSync } from "node:fs";
import { type Libc, requireSymbol } from "../linux/libc.ts";

// linux/mman.h
const MADV_NORMAL = 0;
const MADV_RANDOM = 1;
/** posix_fadvise(2) */
const POSIX_FADV_DONTNEED = 4;
/** Since Linux 5.4. */
const MADV_PAGEOUT = 21;

/** The page of x86-64 and of nearly all of arm64. */
const PAGE = 4096n;

/** A part of this process's memory that is a file's. */
interface Mapping {
  readonly address: bigint;
  readonly bytes: bigint;
  readonly path: string;
}

/** Whether this libc has what `pageOutFiles` needs. */
export function canPageOut(libc: Libc): boolean {
  return libc.madvise !== undefined && libc.mincore !== undefined;
}

/**
 * Asks the kernel to drop what this process has mapped of files; gives how many
 * mappings it took. What runs next comes back from the disk, and, until
 * `readAhead`, page by page: with the 128 KiB that the kernel reads around each
 * page otherwise, half of the program would be back at once. Memory that is no
 * file's is left alone: it could only go to swap.
 */
export function pageOutFiles(libc: Libc): number {
  const mappings = fileMappings();
  adviseAll(libc, mappings, MADV_RANDOM);
  const count = adviseAll(libc, mappings, MADV_PAGEOUT);
  for (const path of new Set(mappings.map(({ path }) => path))) {
    forget(libc, path);
  }
  return count;
}

/**
 * What was read around the program's pages, and is mapped by nobody: the kernel
 * would map it together with the next page beside it.
 */
function forget(libc: Libc, path: string): void {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return; // removed, or replaced by an update
  }
  try {
    libc.posix_fadvise?.(file, 0n, 0n, POSIX_FADV_DONTNEED);
  } finally {
    closeSync(file);
  }
}

/**
 * The program's pages, and which of them are needed from a prepare to the end of
 * the recovery after it: what came back after all were out.
 */
export class WorkingSet {
  readonly #libc: Libc;
  readonly #onError: (error: unknown) => void;
  /** By the address of a mapping, 1 for each page that stays. */
  readonly #needed = new Map<bigint, Uint8Array>();
  #out = false;
  #settled = false;

  /** `onError` gets why {@linkcode record} could not note the pages: no caller waits for it. */
  constructor(libc: Libc, onError: (error: unknown) => void) {
    this.#libc = libc;
    this.#onError = onError;
  }

  /**
   * For a settle: all out but what is needed. At the first one nothing goes, and
   * what is there is needed: an engine does the same in another way from time to
   * time, and what a prepare ran, the recovery may run next.
   */
  trim(): void {
    if (this.#settled || this.#needed.size === 0) return this.pageOut();
    this.#settled = true;
    this.#out = true;
    this.#learn();
  }

  /** All out but what is needed; the first time, all. */
  pageOut(): void {
    this.#out = true;
    if (this.#needed.size === 0) return void pageOutFiles(this.#libc);
    const advise = requireSymbol(this.#libc.madvise, "madvise");
    for (const mapping of fileMappings()) {
      const resident = this.#residentOf(mapping);
      const needed = this.#needed.get(mapping.address);
      if (resident === undefined) continue;
      for (const [from, to] of runsOf(resident, needed)) {
        const address = mapping.address + BigInt(from) * PAGE;
        // Refused for special mappings, as for all of them at the start.
        advise(address, BigInt(to - from) * PAGE, MADV_PAGEOUT);
      }
    }
  }

  /** What is in memory from now on may be there for something else. */
  invalidate(): void {
    this.#out = false;
  }

  /**
   * What is in memory now stays, where all else has gone out before. Never throws: if the pages
   * cannot be read (no descriptor is free), those that were noted before still stay.
   */
  record(): void {
    try {
      this.#learn();
    } catch (error) {
      this.#onError(error);
    }
  }

  #learn(): void {
    if (!this.#out) return;
    for (const mapping of fileMappings()) {
      const resident = this.#residentOf(mapping);
      if (resident === undefined) continue;
      // What has stayed until now is in memory, and so in here too.
      this.#needed.set(mapping.address, resident);
    }
  }

  /** 1 for each page that is in memory; undefined where the kernel tells not. */
  #residentOf({ address, bytes }: Mapping): Uint8Array | undefined {
    const pages = new Uint8Array(Number((bytes + PAGE - 1n) / PAGE));
    // mincore(2): only the lowest bit is defined, and the kernel sets no other
    const mincore = requireSymbol(this.#libc.mincore, "mincore");
    return mincore(address, bytes, pages) === 0 ? pages : undefined;
  }
}

/** Stretches of pages that are in memory and not needed, from and to. */
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

/** Lets the kernel read around again what this process needs of its files. */
export function readAhead(libc: Libc): void {
  adviseAll(libc, fileMappings(), MADV_NORMAL);
}

function adviseAll(
  libc: Libc,
  mappings: readonly Mapping[],
  advice: number,
): number {
  const advise = requireSymbol(libc.madvise, "madvise");
  // Refused for special mappings, and where the file is not ours: no loss.
  return mappings.filter(({ address, bytes }) =>
    advise(address, bytes, advice) === 0
  ).length;
}

/** The lines of proc_pid_maps(5) that have an inode. */
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
