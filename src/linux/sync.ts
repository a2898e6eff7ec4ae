/**
 * syncfs(2) of one filesystem: its dirty pages go to the disk. Opening a path on
 * it and writing it out may each take for ever, so both run on threads of their
 * own (a `ThreadCall`), which can be abandoned.
 * @module
 */
import { closeSync, constants, openSync } from "node:fs";
import { type Libc, requireSymbol } from "./libc.ts";
import { type Mount, mountIdOf } from "./mountinfo.ts";
import { ThreadCall } from "./thread.ts";

/**
 * A directory that is opened on a thread. Its descriptor is that of a DIR
 * (opendir(3)): open(2) takes two arguments, and a thread takes one.
 */
export class DirectoryOpening {
  readonly #libc: Libc;
  readonly #path: bigint;
  readonly #call: ThreadCall;
  #pathIsFreed = false;

  constructor(libc: Libc, path: string) {
    this.#libc = libc;
    // The thread reads it: the path stays until the call has returned.
    const text = new TextEncoder().encode(`${path}\0`);
    this.#path = requireSymbol(libc.strdup, "strdup")(text);
    try {
      this.#call = new ThreadCall(libc, "opendir", this.#path);
    } catch (error) {
      this.#freePath();
      throw error;
    }
  }

  /** Looks whether it was opened, or could not be. */
  get ended(): boolean {
    if (!this.#call.returned) return false;
    this.#freePath();
    return true;
  }

  /** The open directory once it has ended; undefined where it cannot be opened. */
  get directory(): Directory | undefined {
    const { pointer } = this.#call;
    return pointer === 0n
      ? undefined
      : new OpenedDirectory(this.#libc, pointer);
  }

  #freePath(): void {
    if (!this.#pathIsFreed) requireSymbol(this.#libc.free, "free")(this.#path);
    this.#pathIsFreed = true;
  }
}

/** An open directory. */
export interface Directory {
  readonly fd: number;
  close(): void;
}

/**
 * The root directory, opened at once: no name is looked up, so only the disk that
 * this system itself lies on could delay that, and the agent with it.
 */
export function openRoot(): Directory {
  const fd = openSync("/", constants.O_RDONLY | constants.O_DIRECTORY);
  return { fd, close: () => closeSync(fd) };
}

/** A DIR (opendir(3)). */
class OpenedDirectory implements Directory {
  readonly #libc: Libc;
  readonly #pointer: bigint;
  readonly fd: number;

  constructor(libc: Libc, pointer: bigint) {
    this.#libc = libc;
    this.#pointer = pointer;
    this.fd = requireSymbol(libc.dirfd, "dirfd")(pointer);
  }

  close(): void {
    requireSymbol(this.#libc.closedir, "closedir")(this.#pointer);
  }
}

/** The sync of one filesystem. */
export class FilesystemSync {
  /** performance.now() as it began. */
  readonly begun = performance.now();
  /** Why it failed, once `advance` has said that it has ended. */
  error: string | undefined;
  /** Whether one of its mounts was opened. */
  opened = false;
  readonly #libc: Libc;
  /** Mounts of this filesystem that are still to be tried. */
  readonly #mounts: Mount[];
  #opening: DirectoryOpening | undefined;
  #directory: Directory | undefined;
  #syncing: ThreadCall | undefined;
  #abandoned = false;

  /**
   * Tries the mounts in this order: one that cannot be opened, or is covered by
   * another mount, says nothing of the next. The root needs no thread to open it.
   */
  constructor(libc: Libc, mounts: readonly Mount[]) {
    this.#libc = libc;
    this.#mounts = [...mounts];
    const root = mounts.find(({ mountPoint }) => mountPoint === "/");
    if (root === undefined) this.#openNext();
    else this.#opened(openRoot(), root);
  }

  /** Goes on as far as it can without waiting; true once it has ended. */
  advance(): boolean {
    if (this.#opening?.ended) {
      const [mount] = this.#mounts.splice(0, 1);
      const { directory } = this.#opening;
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

  /** Gives the sync up; `advance` still tells when it has ended. */
  abandon(): void {
    this.#abandoned = true;
    // A call that is under way holds the open file itself.
    this.#close();
  }

  #openNext(): void {
    const { mountPoint } = this.#mounts[0];
    this.#opening = new DirectoryOpening(this.#libc, mountPoint);
  }

  #opened(directory: Directory, { id, mountPoint }: Mount): void {
    // Another one may have been mounted over it since mountinfo was read.
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
