/**
 * What tests have changed outside their own process (processes, cgroups, mounts, namespaces), and
 * how each change is taken back if the test run itself is killed. A test that fails takes its
 * changes back by itself: with `await using`, `finally` or `after`.
 * @module
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** Waits for the end of a process, then runs the scripts in a directory, the newest first. */
const GUARDIAN = `
while [ -e "/proc/$1/exe" ]; do sleep 0.2; done
for script in $(ls -r "$2"); do sh "$2/$script"; done
rm -rf "$2"`;

let directory: string | undefined;
let made = 0;

/**
 * Has the shell script run when this process has ended, however it ends, unless the returned
 * function was called before: to be called once the change is taken back. The scripts run in a
 * process of their own, because neither runtime tells modules of tests reliably of the end.
 */
export function owe(script: string): () => void {
  directory ??= startGuardian();
  const path = join(directory, String(made++).padStart(8, "0"));
  writeFileSync(path, script);
  return () => rmSync(path, { force: true });
}

function startGuardian(): string {
  const directory = mkdtempSync(join(tmpdir(), "lull-owed-"));
  const { pid } = process;
  spawn("sh", ["-c", GUARDIAN, "guardian", String(pid), directory], {
    // A session of its own: the signal that ends the test run does not end the guardian.
    detached: true,
    stdio: "ignore",
  }).unref();
  return directory;
}
