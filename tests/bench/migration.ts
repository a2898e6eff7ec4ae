/**
 * Reads the guest's memory out of a file that QEMU's `migrate` has written, as
 * far as two of them are to be compared page by page (the stream's format:
 * "Migration" in QEMU's developer documentation, and migration/ram.c).
 * @module
 */
import { closeSync, openSync, readSync, statSync } from "node:fs";

const PAGE = 4096;

// migration/savevm.h
const CONFIGURATION = 0x07;
const SECTION_START = 0x01;
const SECTION_PART = 0x02;
const SECTION_END = 0x03;
const SECTION_FOOTER = 0x7e;

// migration/ram.c: the low bits of an address
const FLAG_ZERO = 0x02;
const FLAG_MEM_SIZE = 0x04;
const FLAG_PAGE = 0x08;
const FLAG_EOS = 0x10;
const FLAG_CONTINUE = 0x20;

/** Pages by block and address; those of zeros are left out. */
export type Pages = Map<string, Uint8Array>;

class Reader {
  #at = 0;
  /** Whose pages these are, until a record names another, in a later section. */
  block = "";
  constructor(readonly bytes: Uint8Array) {}
  get #view() {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset);
  }
  u8(): number {
    return this.bytes[this.#at++];
  }
  u32(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4);
  }
  u64(): bigint {
    this.#at += 8;
    return this.#view.getBigUint64(this.#at - 8);
  }
  take(count: number): Uint8Array {
    this.#at += count;
    return this.bytes.subarray(this.#at - count, this.#at);
  }
  text(count: number): string {
    return new TextDecoder().decode(this.take(count));
  }
}

/** The pages of a snapshot that are not zero. */
export function readPages(file: string): Pages {
  const reader = new Reader(readWhole(file));
  if (reader.u32() !== 0x5145564d || reader.u32() !== 3) {
    throw new Error(`Cannot read ${file}: not a migration stream`);
  }
  const pages: Pages = new Map();
  for (;;) {
    const type = reader.u8();
    if (type === CONFIGURATION) {
      reader.take(reader.u32());
      continue;
    }
    if (type < SECTION_START || type > SECTION_END) return pages;
    const id = reader.u32();
    if (type === SECTION_START) {
      const name = reader.text(reader.u8());
      reader.u32(); // instance
      reader.u32(); // version
      if (name !== "ram") {
        throw new Error(`Cannot read ${file}: section ${name} before the end`);
      }
    }
    readRecords(reader, pages);
    if (reader.u8() !== SECTION_FOOTER || reader.u32() !== id) {
      throw new Error(`Cannot read ${file}: no footer of section ${id}`);
    }
    if (type === SECTION_END) return pages;
    if (type !== SECTION_START && type !== SECTION_PART) return pages;
  }
}

function readRecords(reader: Reader, pages: Pages): void {
  for (;;) {
    const word = reader.u64();
    const flags = Number(word & 0xfffn);
    const address = word & ~0xfffn;
    if (flags & FLAG_EOS) return;
    if (flags & FLAG_MEM_SIZE) {
      for (let left = address; left > 0n;) {
        reader.text(reader.u8());
        left -= reader.u64();
      }
      continue;
    }
    if (!(flags & FLAG_CONTINUE)) reader.block = reader.text(reader.u8());
    const key = `${reader.block}:${address}`;
    if (flags & FLAG_ZERO) {
      reader.u8();
      pages.delete(key);
    } else if (flags & FLAG_PAGE) pages.set(key, reader.take(PAGE));
    else throw new Error(`Cannot read a page: flags ${flags.toString(16)}`);
  }
}

function readWhole(file: string): Uint8Array {
  const bytes = new Uint8Array(statSync(file).size);
  const fd = openSync(file, "r");
  try {
    for (let at = 0; at < bytes.length;) {
      const count = readSync(fd, bytes, at, bytes.length - at, at);
      if (count === 0) throw new Error(`Cannot read ${file}: it is too short`);
      at += count;
    }
  } finally {
    closeSync(fd);
  }
  return bytes;
}

/** How many pages differ. */
export function countChanged(before: Pages, after: Pages): number {
  let changed = 0;
  for (const [key, page] of after) {
    const old = before.get(key);
    if (old === undefined || !same(old, page)) changed++;
  }
  for (const key of before.keys()) if (!after.has(key)) changed++;
  return changed;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  const left = new DataView(a.buffer, a.byteOffset, PAGE);
  const right = new DataView(b.buffer, b.byteOffset, PAGE);
  for (let at = 0; at < PAGE; at += 8) {
    if (left.getBigUint64(at) !== right.getBigUint64(at)) return false;
  }
  return true;
}
