/**
 * Searches for a text and for parts of it in a chunk of memory.
 * @module
 */
import { type Libc, requireSymbol } from "../linux/libc.ts";

/**
 * Bytes of the pieces that are searched for, and how far they are apart. A buffer may hold a part
 * of the text only, because a request arrives in packets: a part of this length has a whole piece.
 */
const PIECE = 16;
const APART = 1024;

/** Searches in a buffer that has a chunk of memory, behind it the text, and then {@linkcode check}. */
export class Search {
  readonly #libc: Libc;
  readonly #work: Uint8Array;
  readonly #textAt: number;
  /** Room for a text that is read again, and as many zeros. */
  readonly check: Uint8Array;
  readonly zeros: Uint8Array;
  /** The addresses of the buffer. */
  readonly range: readonly [number, number];

  constructor(libc: Libc, work: Uint8Array, longest: number) {
    this.#libc = libc;
    this.#work = work;
    this.#textAt = work.length - 2 * longest;
    this.check = work.subarray(work.length - longest);
    this.zeros = new Uint8Array(longest);
    const from = Number(this.#memmem(0, 1, work.subarray(0, 0)));
    this.range = [from, from + work.length];
  }

  /** The place of the text that is searched for. */
  needle(length: number): Uint8Array {
    return this.#work.subarray(this.#textAt, this.#textAt + length);
  }

  /**
   * Yields the ranges of the first bytes of the buffer that are a long part of the text, and where the
   * part starts in it. Clears them. `width` is the bytes of a character.
   */
  *find(
    needle: Uint8Array,
    length: number,
    width: number,
  ): Generator<readonly [from: number, to: number, start: number]> {
    const work = this.#work;
    for (const offset of piecesOf(needle.length, APART * width)) {
      const piece = needle.subarray(offset, offset + PIECE);
      for (let at = 0; at + piece.length <= length;) {
        const found = this.#memmem(at, length - at, piece);
        if (found === 0n) break;
        let from = Number(found) - this.range[0];
        let to = from + piece.length;
        let start = offset;
        let end = offset + piece.length;
        while (from > 0 && start > 0 && work[from - 1] === needle[start - 1]) {
          from--;
          start--;
        }
        while (
          to < length && end < needle.length && work[to] === needle[end]
        ) {
          to++;
          end++;
        }
        work.fill(0, from, to);
        yield [from, to, start];
        at = to;
      }
    }
  }

  #memmem(at: number, length: number, needle: Uint8Array): bigint {
    const memmem = requireSymbol(this.#libc, "memmem");
    return memmem(
      this.#work.subarray(at),
      BigInt(length),
      needle,
      BigInt(needle.length),
    );
  }
}

/** The offsets of the pieces: both ends, and between them one after the other. */
function piecesOf(length: number, apart: number): number[] {
  const last = Math.max(0, length - PIECE);
  const offsets: number[] = [];
  for (let at = 0; at < last; at += apart) offsets.push(at);
  return [...offsets, last];
}
