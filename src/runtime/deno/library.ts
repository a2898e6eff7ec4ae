/**
 * C libraries, by Deno's FFI.
 * @module
 */
import { type CFunction, makeLibrary } from "../library.ts";
import type { CSignature, CType, ForeignLibrary } from "../types.ts";

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
    load: (symbol, signature) => load(name, symbol, signature),
    readInt32(address) {
      const pointer = Deno.UnsafePointer.create(address);
      return pointer === null
        ? 0
        : new Deno.UnsafePointerView(pointer).getInt32();
    },
  });
}

function load(
  library: string,
  symbol: string,
  signature: CSignature,
): CFunction | undefined {
  const parameters = signature.args.map((type) => C_TYPES[type]);
  const result = C_TYPES[signature.result];
  try {
    // One library object for each symbol: if one symbol is missing, Deno refuses all of them.
    const opened = Deno.dlopen(library, { [symbol]: { parameters, result } });
    return opened.symbols[symbol] as unknown as CFunction;
  } catch {
    // Deno throws if there is no such library or symbol.
    return undefined;
  }
}
