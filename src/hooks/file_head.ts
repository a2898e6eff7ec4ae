/**
 * The beginning of a hook's file: what it is, as the kernel sees it.
 * @module
 */
import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import process from "node:process";

/** What the kernel reads of a file to tell its kind: BINPRM_BUF_SIZE. */
const HEAD_BYTES = 256;
/** e_machine of elf(5), and what `uname -m` calls it. */
const MACHINES: Record<number, string> = {
  3: "i386",
  8: "mips",
  20: "ppc",
  21: "ppc64",
  22: "s390x",
  40: "arm",
  62: "x86_64",
  183: "aarch64",
  243: "riscv",
  258: "loongarch64",
};

/** The machines that a kernel may run, the own one first. */
const NATIVE: Partial<Record<string, readonly number[]>> = {
  x64: [62, 3],
  arm64: [183, 40],
};

/** The beginning of a file, as far as it tells how the kernel runs it. */
export interface Head {
  readonly bytes: Uint8Array;
  /** The first line, with the `\r` that it may end with. */
  readonly line: string;
  /** What the first line names after `#!`: the interpreter, its argument. */
  readonly interpreter?: string;
  readonly argument?: string;
}

/** The first bytes; undefined for what is not a file that can be read. */
export function headOf(path: string): Head | undefined {
  let file: number | undefined;
  try {
    // To open a pipe would wait for its other end.
    if (!statSync(path).isFile()) return undefined;
    file = openSync(path, "r");
    const buffer = new Uint8Array(HEAD_BYTES);
    const bytes = buffer.subarray(0, readSync(file, buffer, 0, HEAD_BYTES, 0));
    const [line] = new TextDecoder().decode(bytes).split("\n", 1);
    // A "\r" is a part of the last word, for the kernel too.
    const [, interpreter, argument] =
      /^#![ \t]*([^ \t]+)(?:[ \t]+(.*?))?[ \t]*$/s.exec(line) ?? [];
    return { bytes, line, interpreter, argument: argument || undefined };
  } catch {
    return undefined; // the kernel says why
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 20 &&
    [0x7f, 0x45, 0x4c, 0x46].every((byte, i) => bytes[i] === byte);
}

/** Undefined for a program of this machine. */
export function foreignMachine(bytes: Uint8Array): string | undefined {
  const native = NATIVE[process.arch];
  const littleEndian = bytes[5] === 1;
  const machine = new DataView(bytes.buffer).getUint16(18, littleEndian);
  if (native === undefined || native.includes(machine)) return undefined;
  const named = MACHINES[machine] ?? `another machine (${machine})`;
  const own = MACHINES[native[0]];
  return `is a program for ${named}, and this machine is ${own}: install the one for ${own}`;
}

/** Whether the kernel was told of other formats: binfmt_misc, as for QEMU. */
export function hasOtherFormats(): boolean {
  try {
    return readdirSync("/proc/sys/fs/binfmt_misc")
      .some((name) => name !== "register" && name !== "status");
  } catch {
    return false;
  }
}
