/**
 * The clean pages of this process out of memory: its program and libraries,
 * which the disk has too.
 * @module
 */
import { readFileSync } from "node:fs";
import { type Libc, need } from "./libc.ts";

// linux/mman.h
const MADV_NORMAL = 0;
const MADV_RANDOM = 1;
/** Since Linux 5.4. */
const MADV_PAGEOUT = 21;

/** A part of this process's memory that is a file's. */
interface Mapping {
  readonly address: bigint;
  readonly bytes: bigint;
}

/** Whether this libc has what `pageOutFiles` needs. */
export function canPageOut(libc: Libc): boolean {
  return libc.madvise !== undefined;
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
  return adviseAll(libc, mappings, MADV_PAGEOUT);
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
  const advise = need(libc, "madvise");
  // Refused for special mappings, and where the file is not ours: no loss.
  return mappings.filter(({ address, bytes }) =>
    advise(address, bytes, advice) === 0
  ).length;
}

/** The lines of proc_pid_maps(5) that have an inode. */
function fileMappings(): Mapping[] {
  return readFileSync("/proc/self/maps", "utf8").split("\n").flatMap((line) => {
    const found = /^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ (\d+)/.exec(line);
    if (found === null || found[3] === "0") return [];
    const address = BigInt(`0x${found[1]}`);
    return [{ address, bytes: BigInt(`0x${found[2]}`) - address }];
  });
}
