/**
 * What a binary needs to start: elf(5).
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";

/** PT_INTERP */
const INTERPRETER = 3;
/** Sizes of Elf64_Ehdr and Elf64_Phdr. */
const HEADER_BYTES = 64;
const ENTRY_BYTES = 56;

/** A 64-bit little-endian program. */
export interface Elf {
  /** The dynamic linker that the kernel starts it with; a static one has none. */
  readonly interpreter: string | undefined;
}

/** Reads the headers; undefined for what is no such program. */
export function readElf(path: string): Elf | undefined {
  const file = openSync(path, "r");
  try {
    const header = bytesAt(file, 0, HEADER_BYTES);
    // "\x7fELF", 64 bits, little-endian
    const magic = [0x7f, 0x45, 0x4c, 0x46, 2, 1];
    if (!magic.every((byte, i) => header.getUint8(i) === byte)) {
      return undefined;
    }
    const table = Number(header.getBigUint64(32, true));
    const count = header.getUint16(56, true);
    for (let i = 0; i < count; i++) {
      const entry = bytesAt(file, table + i * ENTRY_BYTES, ENTRY_BYTES);
      if (entry.getUint32(0, true) !== INTERPRETER) continue;
      const at = Number(entry.getBigUint64(8, true));
      const size = Number(entry.getBigUint64(32, true));
      const name = bytesAt(file, at, Math.min(size, 4096));
      const text = new TextDecoder().decode(name);
      return { interpreter: text.replace(/\0.*$/s, "") };
    }
    return { interpreter: undefined };
  } finally {
    closeSync(file);
  }
}

/** Zeros where the file is too short. */
function bytesAt(file: number, at: number, length: number): DataView {
  const bytes = new Uint8Array(length);
  readSync(file, bytes, 0, length, at);
  return new DataView(bytes.buffer);
}
