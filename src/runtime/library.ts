/**
 * What the foreign function interfaces of both runtimes have in common.
 * @module
 */
import type { Arch, CFunction, CSignature, ForeignLibrary } from "./types.ts";

/** The part that each runtime implements with its own FFI. */
export interface LibraryLoader {
  readonly arch: Arch;
  /**
   * The function of that name, bound with `pointer` as a plain 64-bit number. Throws if there is
   * no such library, no such function, or no FFI. Called once for each function: if one function
   * is missing, both runtimes refuse all that are loaded together.
   */
  load(name: string, signature: CSignature): CFunction;
  /** The C int at that address. */
  readInt32(address: bigint): number;
}

/** Makes a library from a loader; undefined if the loader finds nothing. */
export function makeLibrary(loader: LibraryLoader): ForeignLibrary | undefined {
  function symbol(name: string, signature: CSignature): CFunction | undefined {
    try {
      return passNull(loader.load(name, signature), signature);
    } catch {
      return undefined;
    }
  }
  // Each library links to a C library, and glibc and musl both have this function (errno(3)).
  // If it is missing, the library itself is missing.
  const location = symbol("__errno_location", { args: [], result: "pointer" });
  if (location === undefined) return undefined;
  // The address is the same for the whole life of the thread.
  const address = BigInt(location() ?? 0);
  return {
    arch: loader.arch,
    symbol,
    errno: () => loader.readInt32(address),
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

const C_LIBRARIES = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
];

/** Loads the C library of this process; undefined if there is none, or no FFI. */
export function openLibc(
  openLibrary: (name: string) => ForeignLibrary | undefined,
): ForeignLibrary | undefined {
  for (const name of C_LIBRARIES) {
    const library = openLibrary(name);
    if (library !== undefined) return library;
  }
  return undefined;
}
