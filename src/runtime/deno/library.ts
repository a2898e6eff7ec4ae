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

/** Resolves to the result of the call; the number of an error stays with the thread. */
type PoolRead = (
  fd: number,
  into: Uint8Array<ArrayBuffer>,
  length: bigint,
) => Promise<bigint>;

let bound: PoolRead | undefined;

/**
 * The function read(2), which runs on a thread of Deno's pool: for descriptors that Deno has not
 * opened itself. Throws if the C library cannot be called. The caller keeps the bytes until the call
 * has returned: Deno does not, and the thread would write to memory that is free by then.
 */
export function poolRead(): PoolRead {
  bound ??= Deno.dlopen("libc.so.6", { // there is no Deno for musl
    read: {
      parameters: ["i32", "buffer", "usize"],
      result: "isize",
      nonblocking: true,
    },
  }).symbols.read;
  return bound;
}
