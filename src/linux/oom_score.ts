/**
 * The adjustment of a process's score, by which the kernel chooses what it kills when memory runs
 * out (proc_pid_oom_score_adj(5)).
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Takes the protection from a child, if this process has one and the child has inherited it. The
 * kernel would otherwise kill all other programs of the guest before a child that uses up the
 * memory. Any process may raise the score of a child of the same user.
 */
export function dropProtection(pid: number | undefined, proc = "/proc"): void {
  const file = "oom_score_adj";
  try {
    if (Number(readFileSync(join(proc, "self", file), "utf8")) >= 0) return;
    writeFileSync(join(proc, `${pid}`, file), "0");
  } catch {
    // The child has ended already, or there is no /proc: then nothing needs the change.
  }
}
