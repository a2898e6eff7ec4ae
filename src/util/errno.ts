/**
 * The names of error numbers: errno(3).
 * @module
 */

/**
 * The errors of listeners that cannot have their port. The numbers are the same on all processors that
 * Lull runs on (asm-generic/errno.h).
 */
const OF_LISTENERS = new Map([
  [1, "EPERM"],
  [13, "EACCES"],
  [24, "EMFILE"],
  [98, "EADDRINUSE"],
  [99, "EADDRNOTAVAIL"],
]);

/** Returns the symbolic name of an error number (errno(3)); `errno N` if there is none. */
export function errnoName(errno: number): string {
  return OF_LISTENERS.get(errno) ?? nameByNode(errno);
}

function nameByNode(errno: number): string {
  // Loaded at the first other error: in a worker of Deno, Node's modules take 25 ms, also the global
  // `process`.
  const { constants } = globalThis.process.getBuiltinModule("node:os");
  const found = Object.entries(constants.errno).find(([, number]) =>
    number === errno
  );
  return found === undefined ? `errno ${errno}` : found[0];
}
