/**
 * The calls of the C library with which files are used, because Deno's own API has no descriptors.
 * @module
 */
import { openLibc } from "../../library.ts";
import type { CFunction, CSignature, ForeignLibrary } from "../../types.ts";
import { openLibrary } from "../library.ts";
import { systemError } from "./system_error.ts";

const SYMBOLS = {
  open: { args: ["buffer", "i32", "u32"], result: "i32" },
  close: { args: ["i32"], result: "i32" },
  read: { args: ["i32", "buffer", "usize"], result: "i32" },
  pread: { args: ["i32", "buffer", "usize", "usize"], result: "i32" },
  write: { args: ["i32", "buffer", "usize"], result: "i32" },
  pwrite: { args: ["i32", "buffer", "usize", "usize"], result: "i32" },
  statx: { args: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
  statfs: { args: ["buffer", "buffer"], result: "i32" },
  access: { args: ["buffer", "i32"], result: "i32" },
  unlink: { args: ["buffer"], result: "i32" },
  fsync: { args: ["i32"], result: "i32" },
  ftruncate: { args: ["i32", "usize"], result: "i32" },
  fchmod: { args: ["i32", "u32"], result: "i32" },
  fchown: { args: ["i32", "u32", "u32"], result: "i32" },
} as const satisfies Record<string, CSignature>;

type Name = keyof typeof SYMBOLS;
type Value = number | bigint | Uint8Array;

const EINTR = 4;

const bound = new Map<Name, CFunction>();
let library: ForeignLibrary | undefined;
let usable: boolean | undefined;

/** Whether the C library can be called. Without it, Node's modules do all of this. */
export function hasLibc(): boolean {
  return usable ??= open();
}

function open(): boolean {
  library = openLibc(openLibrary);
  return library !== undefined &&
    library.symbol("statx", SYMBOLS.statx) !== undefined;
}

/**
 * Calls a function of the C library, again if a signal has interrupted it; returns its result, or
 * the negated number of the error.
 */
export function attempt(name: Name, ...args: Value[]): number {
  let symbol = bound.get(name);
  if (symbol === undefined) {
    symbol = library!.symbol(name, SYMBOLS[name])!;
    bound.set(name, symbol);
  }
  for (;;) {
    const result = Number(symbol(...args));
    if (result !== -1) return result;
    const errno = library!.errno();
    // close(2) has closed the descriptor nevertheless.
    if (errno !== EINTR || name === "close") return -errno;
  }
}

/** The same; throws the error. `action` is what Node calls the call, `path` the file it concerns. */
export function call(
  name: Name,
  action: string,
  path: string | undefined,
  ...args: Value[]
): number {
  const result = attempt(name, ...args);
  if (result < 0) throw systemError(-result, { syscall: action, path });
  return result;
}

const encoder = new TextEncoder();

/** A path as the C library takes it. */
export function cPath(path: string): Uint8Array {
  if (path.includes("\0")) {
    const text = "The path must be a string without null bytes";
    throw Object.assign(new TypeError(text), { code: "ERR_INVALID_ARG_VALUE" });
  }
  return encoder.encode(`${path}\0`);
}
