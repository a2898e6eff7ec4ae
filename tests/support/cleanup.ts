/**
 * What tests have changed outside their own process (processes, cgroups, mounts, namespaces,
 * addresses), and how each change is taken back: by the test with `using`, `finally` or `after`,
 * also if the test fails; and by a process of its own if the test run itself is killed.
 * @module
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/**
 * Waits for the end of a process, then runs the scripts in a directory, the newest first. Neither
 * runtime tells modules of tests reliably of the end, and none can after SIGKILL.
 */
const GUARDIAN = `
while [ -e "/proc/$1/exe" ]; do sleep 0.2; done
for name in $(ls -r "$2"); do sh "$2/$name/script"; done
rm -rf "$2"`;

/** One for all threads of this process: Deno runs each file of tests in its own. */
const directory = join(tmpdir(), `lull-owed-${process.pid}`);
let made = 0;

/** A change, until it is taken back. */
export interface Debt {
  /** Takes the change back now, by its script; does nothing if that was done. */
  settle(): void;
  /** The change was taken back without the script. */
  settled(): void;
}

/**
 * Notes a change, before or just after it is made. The shell script takes it back; the script runs
 * at the end of this process, however that ends, if the debt is not settled before.
 */
export function owe(script: string): Debt {
  startGuardian();
  const order = `${Date.now()}-${String(made++).padStart(6, "0")}-`;
  const entry = mkdtempSync(join(directory, order));
  writeFileSync(join(entry, "script"), script);
  let owed = true;
  const settled = () => {
    owed = false;
    rmSync(entry, { recursive: true, force: true });
  };
  return {
    settled,
    settle() {
      if (!owed) return;
      settled();
      const { status, stderr } = spawnSync("sh", ["-c", script]);
      if (status !== 0) throw new Error(`Cannot take back: ${script}${stderr}`);
    },
  };
}

/** Notes a process that is to be killed: `pid` itself, or its group if that is negative. */
export function oweKill(pid: number): Debt {
  return owe(`kill -s KILL -- ${pid} 2>/dev/null; true\n`);
}

function startGuardian(): void {
  try {
    mkdirSync(directory);
  } catch {
    return; // another thread has started it, or this one
  }
  const { pid } = process;
  spawn("sh", ["-c", GUARDIAN, "guardian", String(pid), directory], {
    // A session of its own: the signal that ends the test run does not end the guardian.
    detached: true,
    stdio: "ignore",
  }).unref();
}
