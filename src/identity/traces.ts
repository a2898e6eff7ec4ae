/**
 * Finds what is left of secrets in the memory of this process, and overwrites it. A request leaves
 * its body in buffers of the runtime and in garbage, where no collection overwrites it. The search
 * is for the text of the request, base64: no other text of this process is likely to be the same.
 * @module
 */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import type { Libc } from "../linux/libc.ts";
import { pageBytes } from "../linux/page_size.ts";
import { residentRuns, writableMappings } from "./memory_map.ts";
import { Search } from "./memory_search.ts";

/** A text that is shorter could be a part of the agent's own memory. */
const LEAST_TEXT = 8;
/**
 * The search is done again until it finds nothing: in the meantime, the engine may have moved a text
 * to memory that was searched before.
 */
const MOST_PASSES = 4;
/** Bytes that are read at a time. */
const CHUNK = 1 << 20;

/** A text in a form that no search of the memory finds: the exclusive or of both arrays is the text. */
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
    if (this.#texts.length === 0) return { places: 0, searched: 0 };
    const longest = 2 *
      Math.max(0, ...this.#texts.map(({ mask }) => mask.length));
    // The texts that are searched for are in this buffer, too: it is left out of the search.
    const work = new Uint8Array(CHUNK + 3 * longest);
    const search = new Search(this.#libc, work, longest);
    const memory = openSync("/proc/self/mem", "r+");
    const pagemap = openSync("/proc/self/pagemap", "r");
    let places = 0;
    let searched = 0;
    try {
      for (let passes = 0; passes < MOST_PASSES; passes++) {
        const before = places;
        for (const [at, end] of chunksOf(pagemap, search.range)) {
          if (signal.aborted) {
            throw new Error("Cannot search all memory: no time is left");
          }
          const most = Math.min(CHUNK + longest, end - at);
          const count = read(memory, work.subarray(0, most), at);
          searched += Math.min(count, CHUNK);
          places += this.#overwriteIn(memory, search, at, count);
          await new Promise((resolve) => setImmediate(resolve));
        }
        if (places === before) break;
      }
      this.#texts.length = 0;
      return { places, searched };
    } finally {
      work.fill(0);
      closeSync(memory);
      closeSync(pagemap);
    }
  }

  #overwriteIn(
    memory: number,
    search: Search,
    address: number,
    length: number,
  ): number {
    return this.#texts.reduce(
      (places, text) =>
        places + overwriteIn(memory, search, text, address, length),
      0,
    );
  }
}

/** Yields the addresses of chunks of memory, each with the end of the memory that is around it. */
function* chunksOf(
  pagemap: number,
  own: readonly [number, number],
): Generator<readonly [number, number]> {
  for (const mapping of writableMappings()) {
    for (const run of residentRuns(pagemap, mapping, pageBytes())) {
      for (const [from, to] of without(run, own)) {
        for (let at = from; at < to; at += CHUNK) yield [at, to];
      }
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
    for (const [from, to, start] of search.find(needle, length, width)) {
      const part = needle.subarray(start, start + to - from);
      if (overwriteAt(memory, search, part, address + from)) places++;
    }
    needle.fill(0);
  }
  return places;
}

/**
 * Overwrites the part of a text at this address, if it is still there: since it was found, the engine
 * may have put something else there. Nothing is allocated between the check and the write.
 */
function overwriteAt(
  memory: number,
  search: Search,
  part: Uint8Array,
  address: number,
): boolean {
  const { check, zeros } = search;
  const { length } = part;
  try {
    if (readSync(memory, check, 0, length, address) !== length) return false;
    for (let i = 0; i < length; i++) if (check[i] !== part[i]) return false;
    return writeSync(memory, zeros, 0, length, address) === length;
  } catch {
    return false; // it was unmapped in the meantime
  }
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
