/**
 * The names of error numbers: errno(3).
 * @module
 */
import { constants } from "node:os";

/** Returns the symbolic name of an error number (errno(3)); `errno N` if there is none. */
export function errnoName(errno: number): string {
  const found = Object.entries(constants.errno).find(([, number]) =>
    number === errno
  );
  return found === undefined ? `errno ${errno}` : found[0];
}
