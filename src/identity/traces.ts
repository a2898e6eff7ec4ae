/**
 * Finds what is left of secrets in the memory of this process, and overwrites it. A request leaves
 * its body in buffers of the runtime and in garbage, where no collection overwrites it. The search
 * is for the text of the request, base64: no other text of this process is likely to be the same.
 * @module
 */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { type Libc, requireSymbol } from "../linux/libc.ts";
import { pageBytes } from "../linux/page_size.ts";
import { residentRuns, writableMappings } from "./memory_map.ts";

/** A text that is shorter could be a part of the agent's own memory. */
const LEAST_TEXT = 8;
/**
 * Bytes of the pieces that are searched for, and how far they are apart. A buffer may hold a part
 * of the text only, because a request arrives in packets: a part of this length has a whole piece.
 */
const PIECE = 16;
const APART = 1024;
/** Bytes that are read at a time. */
const CHUNK = 1 << 20;

/** A text, so that no page holds it: each byte is the exclusive or of two others. */
interface Masked {
  readonly masked: Uint8Array;
  readonly mask: Uint8Array;
}

/** The result of a search. */
export interface Overwritten {
  /** The places that were overwritten. */
  readonly places: number;
  /** The bytes of memory that were read. */
  readonly searched: number;
}

/** The secrets whose texts may be in memory. */
export class SecretTraces {
  readonly #libc: Libc;
  readonly #randomBytes: (count: number) => Uint8Array;
  readonly #texts: Masked[] = [];

  constructor(libc: Libc, randomBytes: (count: number) => Uint8Array) {
    this.#libc = libc;
    this.#randomBytes = randomBytes;
  }

  /** The number of texts. */
  get count(): number {
    return this.#texts.length;
  }

  /** Remembers that a request has brought these bytes in base64. */
  note(data: Uint8Array): void {
    const text = base64Of(data);
    if (text.length < LEAST_TEXT) return;
    const mask = this.#randomBytes(text.length);
    this.#texts.push({ masked: text.map((byte, i) => byte ^ mask[i]), mask });
    text.fill(0);
  }

  /**
   * Overwrites the texts, as bytes and as UTF-16, wherever they or long parts of them are. The
   * event loop continues between two chunks. Throws if the memory cannot be read or written.
   */
  async overwrite(signal: AbortSignal): Promise<Overwritten> {
    const longest = 2 *
      Math.max(0, ...this.#texts.map(({ mask }) => mask.length));
    // The texts that are searched for are in this buffer, too: it is left out of the search.
    const work = new Uint8Array(CHUNK + 2 * longest);
    const search = new Search(this.#libc, work, longest);
    const memory = openSync("/proc/self/mem", "r+");
    const pagemap = openSync("/proc/self/pagemap", "r");
    let places = 0;
    let searched = 0;
    try {
      for (const mapping of writableMappings()) {
        for (const run of residentRuns(pagemap, mapping, pageBytes())) {
          for (const [from, to] of without(run, search.range)) {
            for (let at = from; at < to; at += CHUNK) {
              if (signal.aborted) {
                throw new Error("Cannot search all memory: no time is left");
              }
              const most = Math.min(CHUNK + longest, to - at);
              const count = read(memory, work.subarray(0, most), at);
              searched += Math.min(count, CHUNK);
              for (const text of this.#texts) {
                places += overwriteIn(memory, search, text, at, count);
              }
              await new Promise((resolve) => setImmediate(resolve));
            }
          }
        }
      }
      this.#texts.length = 0;
      return { places, searched };
    } finally {
      work.fill(0);
      closeSync(memory);
      closeSync(pagemap);
    }
  }
}

/** Overwrites one text in a chunk of memory; returns the number of places. */
function overwriteIn(
  memory: number,
  search: Search,
  { masked, mask }: Masked,
  address: number,
  length: number,
): number {
  let places = 0;
  for (const width of [1, 2]) {
    const needle = search.needle(masked.length * width);
    masked.forEach((byte, i) => {
      needle[i * width] = byte ^ mask[i];
      if (width === 2) needle[i * width + 1] = 0;
    });
    for (const [from, to] of search.find(needle, length, APART * width)) {
      if (write(memory, new Uint8Array(to - from), address + from)) places++;
    }
    needle.fill(0);
  }
  return places;
}

/** Searches in a buffer that has a chunk of memory, and behind it the text. */
class Search {
  readonly #libc: Libc;
  readonly #work: Uint8Array;
  readonly #textAt: number;
  /** The addresses of the buffer. */
  readonly range: readonly [number, number];

  constructor(libc: Libc, work: Uint8Array, longest: number) {
    this.#libc = libc;
    this.#work = work;
    this.#textAt = work.length - longest;
    const from = Number(this.#memmem(0, 1, work.subarray(0, 0)));
    this.range = [from, from + work.length];
  }

  /** The place of the text that is searched for. */
  needle(length: number): Uint8Array {
    return this.#work.subarray(this.#textAt, this.#textAt + length);
  }

  /** Yields the ranges of the first bytes of the buffer that are a long part of the text. */
  *find(
    needle: Uint8Array,
    length: number,
    apart: number,
  ): Generator<readonly [number, number]> {
    const work = this.#work;
    for (const offset of piecesOf(needle.length, apart)) {
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
        yield [from, to];
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

/** The parts of a range that are not in the other range. */
function without(
  [from, to]: readonly [number, number],
  [start, end]: readonly [number, number],
): (readonly [number, number])[] {
  if (end <= from || start >= to) return [[from, to]];
  return ([[from, start], [end, to]] as const).filter(([a, b]) => a < b);
}

/** Reads memory; 0 if it was unmapped in the meantime. */
function read(memory: number, into: Uint8Array, address: number): number {
  try {
    return readSync(memory, into, 0, into.length, address);
  } catch {
    return 0;
  }
}

/** Writes memory; false if it was unmapped in the meantime. */
function write(memory: number, bytes: Uint8Array, address: number): boolean {
  try {
    return writeSync(memory, bytes, 0, bytes.length, address) === bytes.length;
  } catch {
    return false;
  }
}

/** The text of the bytes in base64 (RFC 4648, 4), without a string of it. */
function base64Of(data: Uint8Array): Uint8Array {
  const digits = new TextEncoder().encode(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
  );
  const text = new Uint8Array(new ArrayBuffer(Math.ceil(data.length / 3) * 4))
    .fill("=".charCodeAt(0));
  for (let at = 0, to = 0; at < data.length; at += 3, to += 4) {
    const [a, b = 0, c = 0] = data.subarray(at, at + 3);
    const bits = a << 16 | b << 8 | c;
    const count = Math.min(3, data.length - at) + 1;
    for (let i = 0; i < count; i++) {
      text[to + i] = digits[bits >> 18 - 6 * i & 63];
    }
  }
  return text;
}
