/**
 * The adjustment of a process's score, by which the kernel chooses what it kills when memory runs
 * out (proc_pid_oom_score_adj(5)).
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";

/**
 * Starts a child that does not inherit this process's protection. The kernel would otherwise kill
 * all other programs of the guest before a child that uses up the memory. This process has no
 * protection during the call: a change of the child itself would come too late for what the child
 * has started by then.
 */
export function withoutProtection<T>(
  start: () => T,
  file = "/proc/self/oom_score_adj",
): T {
  const before = takeProtection(file);
  try {
    return start();
  } finally {
    if (before !== undefined) tryWrite(file, before);
  }
}

/** Returns the score that protected this process; undefined if none did. */
function takeProtection(file: string): string | undefined {
  try {
    const before = readFileSync(file, "utf8").trim();
    return Number(before) < 0 && tryWrite(file, "0") ? before : undefined;
  } catch {
    return undefined; // there is no /proc
  }
}

function tryWrite(file: string, score: string): boolean {
  try {
    writeFileSync(file, score);
    return true;
  } catch {
    // Any process may raise its score and set it back to the value that a privileged one gave it;
    // only a kernel without this file gets here.
    return false;
  }
}
