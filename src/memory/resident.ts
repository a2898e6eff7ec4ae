/**
 * Measures the resident memory of this process.
 * @module
 */
import { readFileSync } from "node:fs";

/** Returns the resident bytes: the second field of /proc/self/statm, proc(5). */
export function residentBytes(): number {
  const pages = Number(readFileSync("/proc/self/statm", "utf8").split(" ")[1]);
  return pages * 4096;
}
