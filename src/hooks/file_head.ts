/**
 * Reads the beginning of a hook's file, by which the kernel recognises its format.
 * @module
 */
import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import process from "node:process";

/** Bytes that the kernel reads to recognise a file's format: BINPRM_BUF_SIZE. */
const HEAD_BYTES = 256;
/** The values of e_machine in elf(5), and their names as `uname -m` prints them. */
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

/** The values of e_machine that a kernel may run, the kernel's own first. */
const NATIVE: Partial<Record<string, readonly number[]>> = {
  x64: [62, 3],
  arm64: [183, 40],
};

/** The beginning of a file, by which the kernel decides how to run the file. */
interface Head {
  readonly bytes: Uint8Array;
  /** The first line, including a `\r` at its end. */
  readonly line: string;
  /** The interpreter that the first line names after `#!`. */
  readonly interpreter?: string;
  /** The argument that the first line gives the interpreter. */
  readonly argument?: string;
}

/** Reads the beginning of a file; undefined if the path is no readable regular file. */
export function headOf(path: string): Head | undefined {
  let file: number | undefined;
  try {
    // Opening a named pipe would wait for its other end.
    if (!statSync(path).isFile()) return undefined;
    file = openSync(path, "r");
    const buffer = new Uint8Array(HEAD_BYTES);
    const bytes = buffer.subarray(0, readSync(file, buffer, 0, HEAD_BYTES, 0));
    const [line] = new TextDecoder().decode(bytes).split("\n", 1);
    // Like the kernel, treats a "\r" as part of the last word.
    const [, interpreter, argument] =
      /^#![ \t]*([^ \t]+)(?:[ \t]+(.*?))?[ \t]*$/s.exec(line) ?? [];
    return { bytes, line, interpreter, argument: argument || undefined };
  } catch {
    return undefined; // running the file fails with the kernel's error
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Whether the bytes begin an ELF file and contain e_machine. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 20 &&
    [0x7f, 0x45, 0x4c, 0x46].every((byte, i) => bytes[i] === byte);
}

/** Describes an ELF program for another machine; undefined for this machine. */
export function foreignMachine(bytes: Uint8Array): string | undefined {
  const native = NATIVE[process.arch];
  const littleEndian = bytes[5] === 1;
  const machine = new DataView(bytes.buffer).getUint16(18, littleEndian);
  if (native === undefined || native.includes(machine)) return undefined;
  const named = MACHINES[machine] ?? `another machine (${machine})`;
  const own = MACHINES[native[0]];
  return `is a program for ${named}, but this machine is ${own}: install the program for ${own}`;
}

/**
 * Whether further formats are registered with the kernel (binfmt_misc), such as
 * foreign programs that QEMU runs.
 */
export function hasOtherFormats(): boolean {
  try {
    return readdirSync("/proc/sys/fs/binfmt_misc")
      .some((name) => name !== "register" && name !== "status");
  } catch {
    return false;
  }
}
