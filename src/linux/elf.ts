/**
 * Reads the headers of a program: its machine, its dynamic linker and its libraries,
 * elf(5).
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";

/** Sizes of Elf64_Ehdr, Elf64_Phdr and Elf64_Dyn, in bytes. */
const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const DYNAMIC_BYTES = 16;
/** Types of segments. */
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
/** Tags of the dynamic section. */
const DT_NEEDED = 1;
const DT_STRTAB = 5;
/** More than any path or library name has, and more than any dynamic section. */
const MAX_NAME_BYTES = 4096;
const MAX_DYNAMIC_BYTES = 1 << 16;

/** A 64-bit little-endian program or library. */
export interface Elf {
  /** Its `e_machine`: 62 is x86-64, 183 is arm64. */
  readonly machine: number;
  /** The path of the program's dynamic linker; undefined if the program is static. */
  readonly interpreter: string | undefined;
  /** The names of the libraries that the dynamic linker loads. */
  readonly needed: readonly string[];
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: bigint;
  readonly size: number;
}

/**
 * Reads the headers of a program. Returns undefined if the file is not a 64-bit
 * little-endian ELF file. Throws the errors of node:fs.
 */
export function readElf(path: string): Elf | undefined {
  const file = openSync(path, "r");
  try {
    const header = bytesAt(file, 0, HEADER_BYTES);
    // "\x7fELF", 64 bits, little-endian
    const magic = [0x7f, 0x45, 0x4c, 0x46, 2, 1];
    if (!magic.every((byte, i) => header.getUint8(i) === byte)) {
      return undefined;
    }
    const segments = segmentsOf(file, header);
    const interpreter = segments.find(({ type }) => type === PT_INTERP);
    return {
      machine: header.getUint16(18, true),
      interpreter: interpreter && textAt(file, interpreter.offset),
      needed: neededOf(file, segments),
    };
  } finally {
    closeSync(file);
  }
}

function segmentsOf(file: number, header: DataView): Segment[] {
  const table = Number(header.getBigUint64(32, true));
  const count = header.getUint16(56, true);
  const bytes = bytesAt(file, table, count * SEGMENT_BYTES);
  return Array.from({ length: count }, (_, i) => {
    const at = i * SEGMENT_BYTES;
    return {
      type: bytes.getUint32(at, true),
      offset: Number(bytes.getBigUint64(at + 8, true)),
      address: bytes.getBigUint64(at + 16, true),
      size: Number(bytes.getBigUint64(at + 32, true)),
    };
  });
}

/** The DT_NEEDED names. They are in a table that the dynamic section names by its address. */
function neededOf(file: number, segments: readonly Segment[]): string[] {
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) return [];
  const size = Math.min(dynamic.size, MAX_DYNAMIC_BYTES);
  const bytes = bytesAt(file, dynamic.offset, size);
  const names: number[] = [];
  let strings: bigint | undefined;
  for (let at = 0; at + DYNAMIC_BYTES <= size; at += DYNAMIC_BYTES) {
    const tag = Number(bytes.getBigUint64(at, true));
    const value = bytes.getBigUint64(at + 8, true);
    if (tag === 0) break; // DT_NULL
    if (tag === DT_NEEDED) names.push(Number(value));
    if (tag === DT_STRTAB) strings = value;
  }
  const segment = segments.find(({ type, address, size }) =>
    type === PT_LOAD && strings !== undefined &&
    strings >= address && strings < address + BigInt(size)
  );
  if (segment === undefined || strings === undefined) return [];
  const table = segment.offset + Number(strings - segment.address);
  return names.map((name) => textAt(file, table + name));
}

/** Reads a text that a zero byte ends. */
function textAt(file: number, at: number): string {
  const bytes = bytesAt(file, at, MAX_NAME_BYTES);
  return new TextDecoder().decode(bytes).replace(/\0.*$/s, "");
}

/** Reads bytes of a file; bytes beyond its end are zero. */
function bytesAt(file: number, at: number, length: number): DataView {
  const bytes = new Uint8Array(length);
  // A damaged file has any number here.
  if (Number.isSafeInteger(at)) readSync(file, bytes, 0, length, at);
  return new DataView(bytes.buffer);
}
