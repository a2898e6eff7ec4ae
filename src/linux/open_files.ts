/**
 * How many descriptors this process may have.
 * @module
 */
import { readFileSync } from "node:fs";

/** What the kernel allows where nothing else does: fs.nr_open (proc_sys_fs(5)). */
const MOST = 1_048_576;

/**
 * The soft limit of open files (RLIMIT_NOFILE in getrlimit(2); the text is that of
 * proc_pid_limits(5)). Undefined where it cannot be read.
 */
export function openFilesLimit(path = "/proc/self/limits"): number | undefined {
  try {
    const found = /^Max open files +(\d+|unlimited) /m
      .exec(readFileSync(path, "latin1"))?.[1];
    if (found === undefined) return undefined;
    return found === "unlimited" ? MOST : Math.min(Number(found), MOST);
  } catch {
    return undefined; // there is no /proc, or none of that kind
  }
}
