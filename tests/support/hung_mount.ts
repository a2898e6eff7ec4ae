/**
 * FUSE mounts whose daemon never answers, in mounts of the agent's own.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { temporary } from "./hooks.ts";

/** Why there can be no such mount here, or false. */
export function withoutFuse(): string | false {
  using mount = new HungMount("nothing");
  const [command, ...args] = [...mount.prefix, "true"];
  const { status, stderr, error } = spawnSync(command, args, {
    encoding: "utf8",
  });
  if (status === 0) return false;
  return `no FUSE filesystem can be mounted: ${error?.message ?? stderr}`;
}

/**
 * A FUSE filesystem that only the command after `prefix` sees. Its daemon is a
 * process that holds /dev/fuse and reads nothing: each call that reaches the
 * filesystem waits until `end`.
 */
export class HungMount {
  readonly mountPoint: string;
  /** The command that mounts it and then runs the command that follows. */
  readonly prefix: readonly string[];
  readonly #daemon: string;
  readonly #directory = temporary();

  /** `source` is what mountinfo says that the filesystem is mounted from. */
  constructor(source: string, subtype?: string) {
    this.mountPoint = join(this.#directory.path, "hung");
    this.#daemon = join(this.#directory.path, "daemon");
    mkdirSync(this.mountPoint);
    const type = subtype === undefined ? "fuse" : `fuse.${subtype}`;
    const options = "fd=3,rootmode=40000,user_id=0,group_id=0,allow_other";
    this.prefix = [
      ...["unshare", "--mount", "--propagation", "private", "bash", "-c"],
      // -i: no helper of mount(8), which would start a daemon of its own
      `set -e; exec 3<>/dev/fuse
       mount -i -t ${type} -o ${options} ${source} ${this.mountPoint}
       (sleep inf </dev/null >/dev/null 2>&1 & echo $! > ${this.#daemon})
       exec 3<&-
       exec "$@"`,
      "bash",
    ];
  }

  /** Ends the daemon: the kernel fails all calls that wait for it. */
  end(): void {
    if (existsSync(this.#daemon)) {
      process.kill(Number(readFileSync(this.#daemon, "utf8")), "SIGKILL");
    }
    this.#directory.remove();
  }

  [Symbol.dispose](): void {
    this.end();
  }
}
