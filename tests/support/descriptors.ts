import { readdirSync, readlinkSync } from "node:fs";

/**
 * How many descriptors of this process lead to such a path. Not how many there
 * are at all: one process runs all test files, and others close theirs.
 */
export function descriptorsOf(is: (path: string) => boolean): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return is(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false; // that of this very listing is gone by now
    }
  }).length;
}
