/**
 * syncfs(2) of one filesystem: its dirty pages go to the disk. Opening a path on
 * it and writing it out may each take for ever, so both run on threads of their
 * own (a `ThreadCall`), which can be abandoned.
 * @module
 */
import { type Libc, need } from "./libc.ts";
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
    // The thread reads it: it must outlive whoever waits for the thread.
    const text = new TextEncoder().encode(`${path}\0`);
    this.#path = need(libc.strdup, "strdup")(text);
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
    return pointer === 0n ? undefined : new Directory(this.#libc, pointer);
  }

  #freePath(): void {
    if (!this.#pathIsFreed) need(this.#libc.free, "free")(this.#path);
    this.#pathIsFreed = true;
  }
}

/** An open directory. */
export class Directory {
  readonly #libc: Libc;
  readonly #pointer: bigint;
  readonly fd: number;

  constructor(libc: Libc, pointer: bigint) {
    this.#libc = libc;
    this.#pointer = pointer;
    this.fd = need(libc.dirfd, "dirfd")(pointer);
  }

  /**
   * The id of its mount: another one may have been mounted over the path since
   * mountinfo was read.
   */
  get mountId(): number {
    return mountIdOf(this.fd);
  }

  close(): void {
    need(this.#libc.closedir, "closedir")(this.#pointer);
  }
}

/** The sync of one filesystem. */
export class FilesystemSync {
  /** performance.now() as it began. */
  readonly begun = performance.now();
  /** Why it failed, once `advance` has said that it has ended. */
  error: string | undefined;
  readonly #libc: Libc;
  /** Mounts of this filesystem that are still to be tried. */
  readonly #mounts: Mount[];
  #opening: DirectoryOpening | undefined;
  #directory: Directory | undefined;
  #syncing: ThreadCall | undefined;
  #abandoned = false;

  /**
   * Tries the mounts in this order: one that cannot be opened, or is covered by
   * another mount, says nothing of the next. An open root saves the opening.
   */
  constructor(libc: Libc, mounts: readonly Mount[], root?: Directory) {
    this.#libc = libc;
    this.#mounts = [...mounts];
    if (root !== undefined) this.#start(root);
    else this.#openNext();
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
      } else if (directory.mountId !== mount.id) {
        directory.close();
        this.#fail(`${mount.mountPoint} is covered by another mount`);
      } else {
        this.error = undefined;
        this.#directory = directory;
        this.#start(directory);
      }
    }
    if (this.#syncing?.returned) {
      if (this.#syncing.int !== 0) this.error = "syncfs failed";
      this.#syncing = undefined;
      this.#close();
    }
    return this.#opening === undefined && this.#syncing === undefined;
  }

  /** Nobody waits for it any more; `advance` still tells when it has ended. */
  abandon(): void {
    this.#abandoned = true;
    // A call that is under way holds the open file itself.
    this.#close();
  }

  #openNext(): void {
    const { mountPoint } = this.#mounts[0];
    this.#opening = new DirectoryOpening(this.#libc, mountPoint);
  }

  #fail(why: string): void {
    this.error ??= why;
    if (this.#mounts.length > 0 && !this.#abandoned) this.#openNext();
  }

  #start({ fd }: Directory): void {
    this.#syncing = new ThreadCall(this.#libc, "syncfs", BigInt(fd));
  }

  #close(): void {
    this.#directory?.close();
    this.#directory = undefined;
  }
}
