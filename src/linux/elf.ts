/**
 * Reads the headers of a program, which name its dynamic linker: elf(5).
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";

/** PT_INTERP: the type of the program header that names the dynamic linker. */
const INTERPRETER = 3;
/** Sizes of Elf64_Ehdr and Elf64_Phdr, in bytes. */
const HEADER_BYTES = 64;
const ENTRY_BYTES = 56;

/** A 64-bit little-endian program. */
export interface Elf {
  /** The path of the program's dynamic linker; undefined if the program is static. */
  readonly interpreter: string | undefined;
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

/** Reads bytes of a file; bytes beyond its end are zero. */
function bytesAt(file: number, at: number, length: number): DataView {
  const bytes = new Uint8Array(length);
  readSync(file, bytes, 0, length, at);
  return new DataView(bytes.buffer);
}
