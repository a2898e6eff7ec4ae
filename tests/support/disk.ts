/**
 * Real ext4 filesystems for tests, on loop devices.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type Debt, owe, oweKill } from "./cleanup.ts";
import { script, temporary } from "./hooks.ts";
import { until } from "./until.ts";

/**
 * Unmounts what is mounted there. It thaws it before: the end of a frozen filesystem waits for its
 * thaw. A process that was just killed may still hold it for a moment.
 */
const REMOVAL = (mountPoint: string) => `
fsfreeze -u ${mountPoint} 2>/dev/null
umount ${mountPoint} 2>/dev/null || umount -l ${mountPoint} 2>/dev/null
! mountpoint -q ${mountPoint}
`;

/** Why there can be no such filesystem here, or false. */
export function withoutDisks(): string | false {
  try {
    new TestDisk().end();
    return false;
  } catch (error) {
    return String(error);
  }
}

/** A mounted filesystem of the test's own; with `using`, it ends with the test. */
export class TestDisk implements Disposable {
  readonly mountPoint: string;
  readonly image: string;
  readonly #directory = temporary();
  readonly #debt: Debt;
  readonly #writers: Debt[] = [];

  /** Its image lies in that directory, or in one of its own. */
  constructor(directory = this.#directory.path) {
    this.mountPoint = join(this.#directory.path, "mount");
    this.image = join(directory, `image-${process.pid}`);
    mkdirSync(this.mountPoint);
    this.#debt = owe(REMOVAL(this.mountPoint));
    try {
      script(this.image, "", 0o600);
      truncateSync(this.image, 8 * 1024 * 1024);
      command("mke2fs", "-q", "-F", "-t", "ext4", this.image);
      command("mount", "-o", "loop", this.image, this.mountPoint);
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /** Keeps writing; gives how often it has, and its end. */
  writer(): { count: () => number; end: () => void } {
    const file = join(this.mountPoint, "count");
    const child = spawn("/bin/sh", [
      "-c",
      `i=0; while :; do i=$((i+1)); echo $i > ${file}; done`,
    ], { stdio: "ignore" });
    const debt = oweKill(child.pid!);
    this.#writers.push(debt);
    return {
      count: () => existsSync(file) ? Number(readFileSync(file, "utf8")) : 0,
      end: () => debt.settle(),
    };
  }

  /** Whether it takes no writes. */
  async frozen(): Promise<boolean> {
    return !await this.#written(300);
  }

  /** Whether it takes writes, or will: on a busy machine one takes its time. */
  takesWrites(): Promise<boolean> {
    return this.#written(30_000);
  }

  /** Tried in a process that may wait for ever. */
  async #written(limitMs: number): Promise<boolean> {
    const file = join(this.mountPoint, "probe");
    const child = spawn("/bin/sh", ["-c", `: > ${file}; rm ${file}`]);
    let ended = false;
    child.once("exit", () => ended = true);
    try {
      await until("the write", () => ended, limitMs);
      return true;
    } catch {
      child.kill("SIGKILL");
      return false;
    }
  }

  /** As the guest itself would freeze (-f) or thaw (-u) it. */
  ask(how: "-f" | "-u"): void {
    command("fsfreeze", how, this.mountPoint);
  }

  /** Thaws it if it is frozen. */
  thaw(): void {
    spawnSync("fsfreeze", ["-u", this.mountPoint]);
  }

  /** Ends its writers, and unmounts it. */
  end(): void {
    for (const writer of this.#writers) writer.settle();
    this.#debt.settle();
    this.#directory.remove();
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

function command(name: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(name, args, { encoding: "utf8" });
  if (status === 0) return;
  throw new Error(`Cannot ${name}: ${error?.message ?? stderr.trim()}`);
}
