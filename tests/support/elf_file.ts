/**
 * Makes the headers of programs and libraries that a test needs: elf(5).
 */

/** What the headers say. */
export interface ElfParts {
  /** 62 is x86-64, 183 is arm64. */
  readonly machine?: number;
  readonly interpreter?: string;
  readonly needed?: readonly string[];
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
/** The addresses of the only loaded segment differ from the offsets in the file. */
const BASE = 0x40_0000;

/** The bytes of a file that has these headers and no code. */
export function elfFile(
  { machine = 62, interpreter, needed = [] }: ElfParts,
): Uint8Array {
  const bytes = new Uint8Array(4096);
  const view = new DataView(bytes.buffer);
  const text = (at: number, value: string) =>
    bytes.set(new TextEncoder().encode(`${value}\0`), at);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(18, machine, true);
  view.setBigUint64(32, 64n, true);
  const segments: [number, number, number][] = [
    [PT_LOAD, 0, bytes.length],
    [PT_DYNAMIC, 1024, 16 * (needed.length + 2)],
  ];
  if (interpreter !== undefined) {
    segments.push([PT_INTERP, 512, interpreter.length + 1]);
    text(512, interpreter);
  }
  view.setUint16(56, segments.length, true);
  segments.forEach(([type, offset, size], i) => {
    const at = 64 + i * 56;
    view.setUint32(at, type, true);
    view.setBigUint64(at + 8, BigInt(offset), true);
    view.setBigUint64(at + 16, BigInt(BASE + offset), true);
    view.setBigUint64(at + 32, BigInt(size), true);
  });
  let name = 2049; // a table of strings begins with an empty one
  const entries = needed.map((library) => {
    text(name, library);
    const entry = [1, name - 2048];
    name += library.length + 1;
    return entry;
  });
  [...entries, [5, BASE + 2048]].forEach(([tag, value], i) => {
    view.setBigUint64(1024 + i * 16, BigInt(tag), true);
    view.setBigUint64(1032 + i * 16, BigInt(value), true);
  });
  return bytes;
}
