/**
 * Real cgroups for tests, where the kernel and our rights allow.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { findCgroupRoot } from "../../src/linux/cgroup.ts";
import { type Debt, owe } from "./cleanup.ts";
import { until } from "./until.ts";

let made = 0;

/** Kills all in a cgroup, frozen or not, and removes it. */
const REMOVAL = (path: string) => `
[ -d ${path} ] || exit 0
echo 1 > ${path}/cgroup.kill
tries=0
until rmdir ${path} 2>/dev/null; do
  tries=$((tries+1)); [ $tries -lt 300 ] || exit 1; sleep 0.1
done
`;

/** Why there can be no cgroups here, or false. */
export function withoutCgroups(): string | false {
  try {
    const group = new TestCgroup();
    group.remove();
    return false;
  } catch (error) {
    return `no cgroup v2 that we may change: ${error}`;
  }
}

/** A cgroup of the test's own; with `using`, it and its processes end with the test. */
export class TestCgroup implements Disposable {
  readonly path: string;
  readonly #debt: Debt;

  constructor(parent = findCgroupRoot()) {
    this.path = join(parent, `lull-test-${process.pid}-${made++}`);
    mkdirSync(this.path);
    this.#debt = owe(REMOVAL(this.path));
    try {
      readFileSync(join(this.path, "cgroup.freeze"));
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** Ids of the processes in it. */
  get processes(): string[] {
    return this.#read("cgroup.procs").split("\n").filter((id) => id !== "");
  }

  /** Whether one of them waits in the kernel, deaf to every signal. */
  get waits(): boolean {
    return this.#states.includes("D");
  }

  /** How many of them run, or would if a CPU were free. */
  get running(): number {
    return this.#states.filter((state) => state === "R").length;
  }

  /** The letters of proc_pid_status(5). */
  get #states(): string[] {
    return this.processes.map((id) => {
      const status = readFileSync(`/proc/${id}/status`, "utf8");
      return /^State:\t(.)/m.exec(status)![1];
    });
  }

  get frozen(): boolean {
    return this.#read("cgroup.events").includes("frozen 1");
  }

  /** As the guest itself would freeze or thaw it. */
  ask(freeze: boolean): void {
    writeFileSync(join(this.path, "cgroup.freeze"), freeze ? "1" : "0");
  }

  /** Runs a shell script in it; resolves once that many processes are there. */
  async run(text: string, processes = 1): Promise<void> {
    const enter = `echo $$ > ${this.path}/cgroup.procs || exit 1\n`;
    spawn("/bin/sh", ["-c", enter + text], {
      stdio: "ignore",
      detached: true,
    }).unref();
    await until(
      "the workload",
      () => this.processes.length >= processes,
      60_000,
    );
  }

  /** Kills all in it and removes it. */
  async end(): Promise<void> {
    writeFileSync(join(this.path, "cgroup.kill"), "1");
    await until(
      "an empty cgroup",
      () => this.#read("cgroup.events").includes("populated 0"),
    );
    this.remove();
  }

  remove(): void {
    rmdirSync(this.path);
    this.#debt.settled();
  }

  [Symbol.dispose](): void {
    this.#debt.settle();
  }

  #read(name: string): string {
    return readFileSync(join(this.path, name), "utf8");
  }
}
