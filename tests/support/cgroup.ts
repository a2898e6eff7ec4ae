/**
 * Real cgroups for tests, where the kernel and our rights allow.
 */
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { findCgroupRoot } from "../../src/linux/cgroup.ts";
import { until } from "./until.ts";

let made = 0;

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

/** A cgroup of the test's own. */
export class TestCgroup {
  readonly path: string;

  constructor(parent = findCgroupRoot()) {
    this.path = join(parent, `lull-test-${process.pid}-${made++}`);
    mkdirSync(this.path);
    readFileSync(join(this.path, "cgroup.freeze"));
  }

  /** Ids of the processes in it. */
  get processes(): string[] {
    return this.#read("cgroup.procs").split("\n").filter((id) => id !== "");
  }

  /** Whether one of them waits in the kernel, deaf to every signal. */
  get waits(): boolean {
    return this.processes.some((id) =>
      /^State:\tD/m.test(readFileSync(`/proc/${id}/status`, "utf8"))
    );
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
      20_000,
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
  }

  /** Thawed, killed and removed, unless it is gone: also where a test has failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!existsSync(this.path)) return;
    this.ask(false);
    await this.end();
  }

  #read(name: string): string {
    return readFileSync(join(this.path, name), "utf8");
  }
}
