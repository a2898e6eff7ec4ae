/**
 * Syncs one filesystem: syncfs(2) writes its dirty pages to the disk. Opening a path on the
 * filesystem and the sync may each take for ever. Both run on native threads (see `ThreadCall`),
 * where the agent can abandon them.
 * @module
 */
import { closeSync, constants, openSync } from "node:fs";
import { type Libc, requireSymbol } from "./libc.ts";
import { type Mount, mountIdOf } from "./mountinfo.ts";
import { SOCK_CLOEXEC } from "./socket_constants.ts";
import { ThreadCall } from "./thread.ts";

/** open(2): the same value as that of sockets. */
const O_CLOEXEC = SOCK_CLOEXEC;

/**
 * Opens a directory on a native thread by opendir(3): open(2) takes two arguments, and the
 * function of a thread takes one.
 */
function openOnThread(libc: Libc, path: string): ThreadCall {
  // The thread reads the path, so the path stays in memory until the call has returned.
  const text = new TextEncoder().encode(`${path}\0`);
  const copy = requireSymbol(libc, "strdup")(text);
  const free = () => requireSymbol(libc, "free")(copy);
  try {
    return new ThreadCall(libc, "opendir", copy, free);
  } catch (error) {
    free();
    throw error;
  }
}

/** An open directory. */
interface Directory {
  readonly fd: number;
  close(): void;
}

/**
 * Opens the root directory on the calling thread. This looks up no name, so only the disk of the
 * system itself can delay the call.
 */
function openRoot(): Directory {
  const fd = openSync("/", constants.O_RDONLY | constants.O_DIRECTORY);
  return { fd, close: () => closeSync(fd) };
}

/** Returns the directory of a DIR (opendir(3)); undefined for the null pointer. */
function directoryOf(libc: Libc, pointer: bigint): Directory | undefined {
  if (pointer === 0n) return undefined;
  return {
    fd: requireSymbol(libc, "dirfd")(pointer),
    close: () => void requireSymbol(libc, "closedir")(pointer),
  };
}

/**
 * Closes the file of a descriptor, and keeps its number: a file of no disk is there then. Changes
 * nothing if no descriptor is free for that file.
 */
function vacate(libc: Libc, fd: number): void {
  let nothing: number;
  try {
    nothing = openSync("/dev/null", "r");
  } catch {
    return;
  }
  requireSymbol(libc, "dup3")(nothing, fd, O_CLOEXEC);
  closeSync(nothing);
}

/** Syncs one filesystem, step by step and without waiting. */
export class FilesystemSync {
  /** performance.now() when the sync began. */
  readonly begun = performance.now();
  /** The reason of a failure, after `advance` has returned true. */
  error: string | undefined;
  /** Whether one of its mounts was opened. */
  opened = false;
  readonly #libc: Libc;
  /** The mounts of this filesystem that were not tried yet. */
  readonly #mounts: Mount[];
  #opening: ThreadCall | undefined;
  #directory: Directory | undefined;
  #syncing: ThreadCall | undefined;
  #abandoned = false;

  /**
   * Tries the mounts in this order until one can be opened and is not covered by another mount. The
   * root needs no thread to be opened.
   */
  constructor(libc: Libc, mounts: readonly Mount[]) {
    this.#libc = libc;
    this.#mounts = [...mounts];
    const root = mounts.find(({ mountPoint }) => mountPoint === "/");
    if (root === undefined) this.#openNext();
    else this.#opened(openRoot(), root);
  }

  /** Continues without waiting. True if the sync has ended. */
  advance(): boolean {
    if (this.#opening?.returned) {
      const [mount] = this.#mounts.splice(0, 1);
      const directory = directoryOf(this.#libc, this.#opening.pointer);
      this.#opening = undefined;
      if (directory === undefined) {
        this.#fail(`${mount.mountPoint} cannot be opened`);
      } else if (this.#abandoned) {
        directory.close();
      } else {
        this.#opened(directory, mount);
      }
    }
    if (this.#syncing?.returned) {
      if (this.#syncing.int !== 0) this.error = "syncfs failed";
      this.#syncing = undefined;
      this.#close();
    }
    return this.#opening === undefined && this.#syncing === undefined;
  }

  /** Whether a mount is being opened. */
  get isOpening(): boolean {
    return this.#opening !== undefined;
  }

  /**
   * Gives the sync up; `advance` still returns true when it has ended. Nothing of the filesystem stays
   * open, except for a call that is under way. A mount that is being opened stays open until the
   * `advance` after that.
   */
  abandon(): void {
    this.#abandoned = true;
    // The thread may not have called syncfs yet: it would sync any file that gets the number.
    if (this.#syncing === undefined) this.#close();
    else if (this.#directory) vacate(this.#libc, this.#directory.fd);
  }

  #openNext(): void {
    const { mountPoint } = this.#mounts[0];
    this.#opening = openOnThread(this.#libc, mountPoint);
  }

  #opened(directory: Directory, { id, mountPoint }: Mount): void {
    // Another filesystem may have been mounted there after mountinfo was read.
    if (mountIdOf(directory.fd) !== id) {
      directory.close();
      return this.#fail(`${mountPoint} is covered by another mount`);
    }
    this.error = undefined;
    this.opened = true;
    this.#directory = directory;
    const fd = BigInt(directory.fd);
    try {
      this.#syncing = new ThreadCall(this.#libc, "syncfs", fd);
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  #fail(why: string): void {
    this.error ??= why;
    if (this.#mounts.length > 0 && !this.#abandoned) this.#openNext();
  }

  #close(): void {
    this.#directory?.close();
    this.#directory = undefined;
  }
}
