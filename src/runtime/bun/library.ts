/**
 * C libraries, by Bun's FFI.
 * @module
 */
import process from "node:process";
import { dlopen, FFIType, type Pointer, read } from "bun:ffi";
import { makeLibrary } from "../library.ts";
import type { CFunction, CType, ForeignLibrary } from "../types.ts";

/** Lull uses plain 64-bit numbers for pointers. Bun's own type is a float. */
const C_TYPES: Record<CType, FFIType> = {
  i32: FFIType.i32,
  u32: FFIType.u32,
  usize: FFIType.u64,
  buffer: FFIType.ptr,
  pointer: FFIType.u64,
  void: FFIType.void,
};

/** The library of that name; undefined if there is none. */
export function openLibrary(name: string): ForeignLibrary | undefined {
  return makeLibrary({
    arch: process.arch === "x64" ? "x64" : "arm64",
    load(symbol, signature) {
      const args = signature.args.map((type) => C_TYPES[type]);
      const returns = C_TYPES[signature.result];
      const { symbols } = dlopen(name, { [symbol]: { args, returns } });
      return symbols[symbol] as CFunction;
    },
    readInt32: (address) => read.i32(Number(address) as Pointer),
  });
}
