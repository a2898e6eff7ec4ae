/**
 * What the foreign function interfaces of both runtimes have in common.
 * @module
 */
import type { CResult, CSignature, CValue, ForeignLibrary } from "./types.ts";

/** A C function as both runtimes bind it. */
export type CFunction = (...args: CValue[]) => CResult;

/** The runtime's share: everything that needs its own FFI. */
export interface LibraryLoader {
  /**
   * The function of that name, bound with `pointer` as a plain 64-bit number;
   * undefined where there is no such library, no such function, or no FFI.
   */
  load(name: string, signature: CSignature): CFunction | undefined;
  /** The C int at that address. */
  readInt32(address: bigint): number;
}

/** Makes a library of a loader; undefined where the loader finds nothing. */
export function makeLibrary(loader: LibraryLoader): ForeignLibrary | undefined {
  // Every library that links to a C library leads to it, which is all of them
  // (errno(3); glibc and musl agree): where it is missing, the library is.
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

/** A 64-bit number has no null; C's is 0. */
function passNull(call: CFunction, signature: CSignature): CFunction {
  if (!signature.args.includes("pointer")) return call;
  return (...args) =>
    call(
      ...args.map((arg, i) =>
        arg === null && signature.args[i] === "pointer" ? 0n : arg
      ),
    );
}
