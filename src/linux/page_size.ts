/**
 * The size of a memory page. It is 4 KiB on x86-64; an arm64 kernel has pages of 4, 16 or 64 KiB.
 * @module
 */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import process from "node:process";
import { messageOf } from "../util/errors.ts";

/** The type of the entry with the page size in the auxiliary vector, getauxval(3). */
const AT_PAGESZ = 6n;
/** The bytes of a page on x86-64, on every kernel. */
const X64_BYTES = 4096;
/** The bytes that the first lines of smaps may take: the line of the mapping has a path. */
const HEAD_BYTES = 8192;

/** The files of proc(5) that tell the page size. */
export interface PageSizeFiles {
  readonly auxv: string;
  readonly smaps: string;
}

const FILES: PageSizeFiles = {
  auxv: "/proc/self/auxv",
  smaps: "/proc/self/smaps",
};

let known: number | undefined;

/**
 * Returns the bytes of a page. The kernel is asked once, and only where the size may differ: Deno
 * without all permissions refuses the kernel's files, and the agent must start nevertheless.
 */
export function pageBytes(): number {
  return known ??= process.arch === "x64" ? X64_BYTES : readPageBytes();
}

/**
 * Reads the bytes of a page from the auxiliary vector that the kernel gave this process. A process
 * whose program has file capabilities and that is not root may not read that file: then the first
 * mapping in smaps tells. Throws if neither does.
 */
export function readPageBytes({ auxv, smaps }: PageSizeFiles = FILES): number {
  try {
    return fromAuxiliaryVector(readFileSync(auxv));
  } catch (error) {
    const bytes = fromMapping(smaps);
    if (bytes !== undefined) return bytes;
    throw new Error(`Cannot read the page size: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** The vector is a list of pairs of 64-bit numbers: a type and its value. */
function fromAuxiliaryVector(file: Uint8Array): number {
  const count = Math.floor(file.length / 8);
  const words = new BigUint64Array(file.slice(0, count * 8).buffer);
  for (let at = 0; at + 1 < count; at += 2) {
    if (words[at] === AT_PAGESZ) return Number(words[at + 1]);
  }
  throw new Error("the auxiliary vector has no AT_PAGESZ");
}

/** Reads the first mapping only: for each mapping, the kernel walks through all of its pages. */
function fromMapping(smaps: string): number | undefined {
  try {
    const file = openSync(smaps, "r");
    try {
      const head = new Uint8Array(HEAD_BYTES);
      const text = new TextDecoder("latin1").decode(
        head.subarray(0, readSync(file, head)),
      );
      const found = /^KernelPageSize:\s+(\d+) kB$/m.exec(text);
      return found === null ? undefined : Number(found[1]) * 1024;
    } finally {
      closeSync(file);
    }
  } catch {
    // A kernel without CONFIG_PROC_PAGE_MONITOR has no smaps; the caller reports the first error.
    return undefined;
  }
}
