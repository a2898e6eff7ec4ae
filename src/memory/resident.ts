/**
 * How much memory this process has.
 * @module
 */
import { readFileSync } from "node:fs";

/** Bytes resident now: the second field of /proc/self/statm, proc(5). */
export function residentBytes(): number {
  const pages = Number(readFileSync("/proc/self/statm", "utf8").split(" ")[1]);
  return pages * 4096;
}
