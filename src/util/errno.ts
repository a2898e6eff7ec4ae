/**
 * The names of error numbers: errno(3).
 * @module
 */

/** Returns the symbolic name of an error number (errno(3)); `errno N` if there is none. */
export function errnoName(errno: number): string {
  // Loaded at the first error: in a worker of Deno, Node's modules take 25 ms, also the global `process`.
  const { constants } = globalThis.process.getBuiltinModule("node:os");
  const found = Object.entries(constants.errno).find(([, number]) =>
    number === errno
  );
  return found === undefined ? `errno ${errno}` : found[0];
}
