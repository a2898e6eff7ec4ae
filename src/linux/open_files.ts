/**
 * The limit of open descriptors of this process.
 * @module
 */
import { readFileSync } from "node:fs";

/** The kernel's own limit by default: fs.nr_open (proc_sys_fs(5)). */
const MOST = 1_048_576;

/**
 * Reads the soft limit of open files: RLIMIT_NOFILE in getrlimit(2), from the text of
 * proc_pid_limits(5). Undefined if it cannot be read.
 */
export function openFilesLimit(path = "/proc/self/limits"): number | undefined {
  try {
    const found = /^Max open files +(\d+|unlimited) /m
      .exec(readFileSync(path, "latin1"))?.[1];
    if (found === undefined) return undefined;
    return found === "unlimited" ? MOST : Math.min(Number(found), MOST);
  } catch {
    return undefined; // there is no /proc, or it has no such file
  }
}
