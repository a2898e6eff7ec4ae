/**
 * The guest as the items of the identity see it: its files, which they read and replace, and its
 * programs, which they run. All calls on files run on threads of the runtime: a disk that does not
 * answer never blocks the agent.
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import type { Libc } from "../linux/libc.ts";
import { bindMount, unmount } from "../linux/mount.ts";
import { type Mount, mountOf, readMounts } from "../linux/mountinfo.ts";
import { withoutProtection } from "../linux/oom_score.ts";
import { hasCode, messageOf } from "../util/errors.ts";
import { nodeChildProcess, nodeFsPromises } from "../util/lazy_builtins.ts";
import {
  isSame,
  replaceOnDisk,
  unlessMissing,
  writeAs,
  writeInPlace,
} from "./replace_file.ts";

/** Filesystems whose files are in memory only. */
const IN_MEMORY = ["tmpfs", "ramfs"];

/** The PATH of a program if the agent has none. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What a guest is made from. */
export interface GuestOptions {
  readonly libc: Libc;
  /** A directory in memory, for the files that are mounted over others. */
  readonly directory: string;
  /** The root of the guest's files; `/` if not given. */
  readonly root?: string;
  /** Whether new files are written to the disk. */
  readonly onDisk: boolean;
  /** Aborted at the limit of the item. */
  readonly signal: AbortSignal;
}

/** The guest, for the renewal of one item. */
export class Guest {
  readonly signal: AbortSignal;
  readonly onDisk: boolean;
  readonly #options: GuestOptions;

  constructor(options: GuestOptions) {
    this.#options = options;
    this.signal = options.signal;
    this.onDisk = options.onDisk;
  }

  /** The path of a file of the guest on this machine. */
  path(file: string): string {
    const { root = "/" } = this.#options;
    return root === "/" ? file : join(root, file);
  }

  /** Reads a file as text; undefined if there is none. */
  async read(file: string): Promise<string | undefined> {
    const { readFile } = nodeFsPromises();
    return await unlessMissing(readFile(this.path(file), "utf8"));
  }

  /** The path that a link leads to, or the file itself; undefined if there is no such file. */
  async target(file: string): Promise<string | undefined> {
    return await unlessMissing(nodeFsPromises().realpath(this.path(file)));
  }

  /** The names in a directory, sorted; none if there is no directory. */
  async list(directory: string): Promise<string[]> {
    const { readdir } = nodeFsPromises();
    const names = await unlessMissing(readdir(this.path(directory)));
    return (names ?? []).sort();
  }

  /**
   * Gives an existing file new content. A file on a disk stays as it is, and a file in memory with
   * its owner and permissions is mounted over it, unless the disk is to be written. A file that
   * is in memory already, as after an earlier restore, is written itself: mounts never stack.
   */
  async replace(file: string, content: string | Uint8Array): Promise<void> {
    const path = await nodeFsPromises().realpath(this.path(file));
    this.signal.throwIfAborted();
    const mount = mountOf(path, readMounts());
    if (!this.onDisk) {
      if (IN_MEMORY.includes(mount.type)) await writeInPlace(path, content);
      else await this.#mountOver(path, content);
      return;
    }
    // A file that an earlier restore has mounted would hide the file of the disk.
    const isOwn = mount.mountPoint === path && IN_MEMORY.includes(mount.type) &&
      await isSame(path, this.#copyOf(path));
    if (isOwn) unmount(this.#options.libc, path);
    await replaceOnDisk(path, content);
  }

  /** Runs a program to its end. Rejects if it fails; kills it when the signal aborts. */
  run(program: string, args: readonly string[]): Promise<string> {
    const { signal } = this;
    const env = { PATH: process.env.PATH || PATH, LC_ALL: "C" };
    return new Promise((resolve, reject) => {
      const fail = (why: string) =>
        reject(new Error(`Cannot run ${program}: ${why}`));
      if (signal.aborted) return fail("no time is left");
      const child = withoutProtection(() =>
        nodeChildProcess().execFile(
          program,
          [...args],
          { env, cwd: "/", encoding: "utf8" },
          (error, stdout, stderr) => {
            signal.removeEventListener("abort", kill);
            if (error === null) return resolve(stdout);
            const last = stderr.trim().split("\n").at(-1);
            fail(
              hasCode(error, "ENOENT")
                ? "it is not installed"
                : signal.aborted
                ? "no time is left"
                : last || messageOf(error),
            );
          },
        )
      );
      const kill = () => void child.kill("SIGKILL");
      signal.addEventListener("abort", kill);
    });
  }

  /** The file in memory that is mounted over the file with this path. */
  #copyOf(path: string): string {
    return join(this.#options.directory, encodeURIComponent(path));
  }

  async #mountOver(path: string, content: string | Uint8Array): Promise<void> {
    const { libc, directory } = this.#options;
    const { mkdir, stat } = nodeFsPromises();
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if (!isInMemory(directory)) {
      throw new Error(
        `Cannot renew ${path}: the runtime directory is on a disk; put it on tmpfs, or use renewOnDisk`,
      );
    }
    const copy = this.#copyOf(path);
    await writeAs(copy, content, await stat(path));
    this.signal.throwIfAborted();
    bindMount(libc, copy, path);
  }
}

function isInMemory(directory: string): boolean {
  const { type }: Mount = mountOf(directory, readMounts());
  return IN_MEMORY.includes(type);
}
