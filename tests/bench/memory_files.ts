/**
 * Compares files of guest memory page by page.
 * @module
 */
import { Buffer } from "node:buffer";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** The bytes of a page: the unit in which a host stores and fetches memory. */
export const PAGE = 4096;

/** The bytes that are read at once. */
const CHUNK = 256 * PAGE;

/** The numbers of the pages of a file that are not all zeros, in ascending order. */
export function storedPages(file: string): number[] {
  return withFile(file, (fd, bytes) => {
    const zeros = Buffer.alloc(CHUNK);
    return differing(bytes, (chunk, at) => readAt(fd, chunk, at), (chunk) => {
      zeros.copy(chunk);
    });
  });
}

/**
 * The numbers of the pages that differ between two files of the same size, in
 * ascending order. An Error if their sizes differ.
 */
export function changedPages(before: string, after: string): number[] {
  return withFile(
    before,
    (old, bytes) =>
      withFile(after, (now, size) => {
        if (size !== bytes) {
          throw new Error(
            `Cannot compare ${before} with ${after}: they have ${bytes} and ${size} bytes`,
          );
        }
        return differing(
          bytes,
          (chunk, at) => readAt(old, chunk, at),
          (chunk, at) => readAt(now, chunk, at),
        );
      }),
  );
}

/** Fills a chunk with the bytes from that position on. */
type Fill = (chunk: Buffer, at: number) => void;

function differing(bytes: number, left: Fill, right: Fill): number[] {
  const pages: number[] = [];
  for (let at = 0; at < bytes; at += CHUNK) {
    const length = Math.min(CHUNK, bytes - at);
    const a = leftChunk.subarray(0, length);
    const b = rightChunk.subarray(0, length);
    left(a, at);
    right(b, at);
    if (a.equals(b)) continue;
    for (let offset = 0; offset < length; offset += PAGE) {
      const end = Math.min(offset + PAGE, length);
      if (a.compare(b, offset, end, offset, end) !== 0) {
        pages.push((at + offset) / PAGE);
      }
    }
  }
  return pages;
}

const leftChunk = Buffer.alloc(CHUNK);
const rightChunk = Buffer.alloc(CHUNK);

function readAt(fd: number, chunk: Buffer, at: number): void {
  for (let done = 0; done < chunk.length;) {
    const count = readSync(fd, chunk, done, chunk.length - done, at + done);
    if (count === 0) throw new Error("Cannot read a page: the file has ended");
    done += count;
  }
}

function withFile<T>(file: string, use: (fd: number, bytes: number) => T): T {
  const fd = openSync(file, "r");
  try {
    return use(fd, fstatSync(fd).size);
  } finally {
    closeSync(fd);
  }
}
