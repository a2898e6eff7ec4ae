/**
 * C libraries, by Bun's FFI. Bun compiles a stub for each function, of about 1 KB, and keeps it when
 * the worker that has bound the function ends.
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

/** A function, and the end of its stub. */
interface Stub {
  readonly call: CFunction;
  free(): void;
}

/** What frees the stubs of this thread, if it is a worker. */
const frees = new Set<() => void>();

/** The library of that name; undefined if there is none. */
export function openLibrary(name: string): ForeignLibrary | undefined {
  return makeLibrary({
    arch: process.arch === "x64" ? "x64" : "arm64",
    load(symbol, signature) {
      const args = signature.args.map((type) => C_TYPES[type]);
      const returns = C_TYPES[signature.result];
      const bind = (): Stub => {
        const library = dlopen(name, { [symbol]: { args, returns } });
        const call = library.symbols[symbol] as CFunction;
        return { call, free: () => library.close() };
      };
      return Bun.isMainThread ? bind().call : bindAgain(bind);
    },
    readInt32: (address) => read.i32(Number(address) as Pointer),
  });
}

/**
 * Frees the stubs of this worker. It has to be called before the worker ends. A function that is
 * called after that is bound again.
 */
export function freeStubs(): void {
  for (const free of frees) free();
  frees.clear();
}

/** Binds a function, and again at the first call after its stub was freed. */
function bindAgain(bind: () => Stub): CFunction {
  let stub: Stub | undefined;
  const bound = () => {
    if (stub !== undefined) return stub.call;
    const made = stub = bind();
    frees.add(() => {
      stub = undefined;
      made.free();
    });
    return made.call;
  };
  bound();
  return (...args) => bound()(...args);
}
