/**
 * Measures the resident memory of this process.
 * @module
 */
import { readFileSync } from "node:fs";
import { pageBytes } from "../linux/page_size.ts";

/** Returns the resident bytes: the second field of /proc/self/statm, proc(5). */
export function residentBytes(page = pageBytes()): number {
  const pages = Number(readFileSync("/proc/self/statm", "utf8").split(" ")[1]);
  return pages * page;
}
