/**
 * C libraries, by Deno's FFI.
 * @module
 */
import { makeLibrary } from "../library.ts";
import type { CFunction, CType, ForeignLibrary } from "../types.ts";

/** Lull uses plain 64-bit numbers for pointers. Deno's own pointers are opaque objects. */
const C_TYPES = {
  i32: "i32",
  u32: "u32",
  usize: "usize",
  buffer: "buffer",
  pointer: "u64",
  void: "void",
} as const satisfies Record<CType, Deno.NativeResultType>;

/** The library of that name; undefined if there is none, or no FFI. */
export function openLibrary(name: string): ForeignLibrary | undefined {
  return makeLibrary({
    arch: Deno.build.arch === "x86_64" ? "x64" : "arm64",
    load(symbol, signature) {
      const parameters = signature.args.map((type) => C_TYPES[type]);
      const result = C_TYPES[signature.result];
      const { symbols } = Deno.dlopen(name, {
        [symbol]: { parameters, result },
      });
      return symbols[symbol] as unknown as CFunction;
    },
    readInt32(address) {
      const pointer = Deno.UnsafePointer.create(address);
      return pointer === null
        ? 0
        : new Deno.UnsafePointerView(pointer).getInt32();
    },
  });
}
