/**
 * An ext4 filesystem whose disk never answers, in mounts of the agent's own: its
 * disk is a file on another filesystem, which is frozen.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { temporary } from "./hooks.ts";

/** Why there can be no such disk here, or false. */
export function withoutHungDisk(): string | false {
  using disk = new HungDisk();
  const [command, ...args] = [...disk.prefix, "true"];
  const { status, stderr, error } = spawnSync(command, args, {
    encoding: "utf8",
  });
  if (status === 0) return false;
  return `no disk can be made that hangs: ${error?.message ?? stderr}`;
}

/** The disk. What is written to its filesystem stays in memory until `answer`. */
export class HungDisk {
  readonly mountPoint: string;
  /** The command that mounts it and then runs the command that follows. */
  readonly prefix: readonly string[];
  readonly #outer: string;
  readonly #holder: string;
  readonly #directory = temporary();

  constructor() {
    const { path } = this.#directory;
    this.mountPoint = join(path, "hung");
    this.#outer = join(path, "outer");
    this.#holder = join(path, "holder");
    mkdirSync(this.mountPoint);
    mkdirSync(this.#outer);
    const inner = `${this.#outer}/image`;
    this.prefix = [
      ...["unshare", "--mount", "--propagation", "private", "bash", "-c"],
      `set -e
       truncate -s 32M ${path}/image
       mke2fs -q -F -t ext4 ${path}/image
       mount -o loop ${path}/image ${this.#outer}
       truncate -s 8M ${inner}
       mke2fs -q -F -t ext4 ${inner}
       mount -o loop ${inner} ${this.mountPoint}
       (sleep inf </dev/null >/dev/null 2>&1 & echo $! > ${this.#holder})
       echo dirty > ${this.mountPoint}/file
       fsfreeze -f ${this.#outer}
       exec "$@"`,
      "bash",
    ];
  }

  /** From now on the disk answers. */
  answer(): void {
    this.#inside("fsfreeze", "-u", this.#outer);
  }

  [Symbol.dispose](): void {
    if (existsSync(this.#holder)) {
      this.answer();
      this.#inside("umount", "-l", this.mountPoint);
      this.#inside("umount", "-l", this.#outer);
      process.kill(this.#holderId, "SIGKILL");
    }
    this.#directory.remove();
  }

  get #holderId(): number {
    return Number(readFileSync(this.#holder, "utf8"));
  }

  /** In the mounts of the agent, which the holder keeps. */
  #inside(...command: string[]): void {
    spawnSync("nsenter", [
      `--mount=/proc/${this.#holderId}/ns/mnt`,
      ...command,
    ]);
  }
}
