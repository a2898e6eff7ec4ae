/**
 * What the foreign function interfaces of both runtimes have in common.
 * @module
 */
import type { CResult, CSignature, CValue, ForeignLibrary } from "./types.ts";

/** A C function as both runtimes bind it. */
export type CFunction = (...args: CValue[]) => CResult;

/** The part that each runtime implements with its own FFI. */
export interface LibraryLoader {
  /**
   * The function of that name, bound with `pointer` as a plain 64-bit number. Undefined if there
   * is no such library, no such function, or no FFI.
   */
  load(name: string, signature: CSignature): CFunction | undefined;
  /** The C int at that address. */
  readInt32(address: bigint): number;
}

/** Makes a library from a loader; undefined if the loader finds nothing. */
export function makeLibrary(loader: LibraryLoader): ForeignLibrary | undefined {
  // Each library links to a C library, and glibc and musl both have this function (errno(3)).
  // If it is missing, the library itself is missing.
  const location = loader.load("__errno_location", {
    args: [],
    result: "pointer",
  });
  if (location === undefined) return undefined;
  return {
    symbol(name, signature) {
      const call = loader.load(name, signature);
      return call === undefined ? undefined : passNull(call, signature);
    },
    errno: () => loader.readInt32(BigInt(location() ?? 0)),
  };
}

/** Passes 0 for each null pointer: a 64-bit number has no null. */
function passNull(call: CFunction, signature: CSignature): CFunction {
  if (!signature.args.includes("pointer")) return call;
  return (...args) =>
    call(
      ...args.map((arg, i) =>
        arg === null && signature.args[i] === "pointer" ? 0n : arg
      ),
    );
}
