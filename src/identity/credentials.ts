/**
 * The secrets of this fork, as files on a filesystem whose pages never go to swap.
 * @module
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Credential } from "../lifecycle/request.ts";
import type { Libc } from "../linux/libc.ts";
import { mountRamfs, unmount } from "../linux/mount.ts";
import { readMounts } from "../linux/mountinfo.ts";
import { errorText, resultUnless } from "../util/errors.ts";

/** Other users can open a file that they own, and cannot list the names. */
const DIRECTORY_MODE = "0711";
const FILE_MODE = 0o600;

/** Bytes that one write overwrites. */
const CHUNK = 65_536;

/** Writes the files, and wipes them. All calls are on filesystems in memory and answer at once. */
export class CredentialFiles {
  readonly directory: string;
  readonly #libc: Libc;

  constructor(libc: Libc, directory: string) {
    this.#libc = libc;
    this.directory = directory;
  }

  /** Whether secrets have been written since the last wipe, also by a killed agent. */
  get exist(): boolean {
    // The kernel's list has the path without links.
    const path = resultUnless(["ENOENT"], () => realpathSync(this.directory));
    return readMounts().some(({ mountPoint, type }) =>
      mountPoint === path && type === "ramfs"
    );
  }

  /**
   * Writes files with these names; other files stay. Readers see a whole file. Throws if a file
   * cannot be written on a filesystem that never swaps.
   */
  write(credentials: ReadonlyMap<string, Credential>): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o755 });
    if (!this.exist) mountRamfs(this.#libc, this.directory, DIRECTORY_MODE);
    for (const [name, credential] of credentials) {
      try {
        this.#write(name, credential);
      } catch (cause) {
        // The name is the caller's, and is not repeated.
        const why = errorText(cause);
        throw new Error(`Cannot write a credential: ${why}`, { cause });
      }
    }
  }

  /** Overwrites all files with zeros, removes them and their filesystem. Returns their number. */
  wipe(): number {
    const erased = readdirSync(this.directory).filter((name) =>
      erase(join(this.directory, name))
    );
    unmount(this.#libc, this.directory);
    return erased.length;
  }

  #write(name: string, credential: Credential): void {
    const { data, uid = 0, gid = 0, mode = FILE_MODE } = credential;
    const path = join(this.directory, name);
    const next = join(this.directory, `.${name}.new`);
    erase(next); // of a killed agent
    const { O_WRONLY, O_CREAT, O_EXCL } = constants;
    const file = openSync(next, O_WRONLY | O_CREAT | O_EXCL, FILE_MODE);
    try {
      writeAll(file, data);
      fchmodSync(file, mode);
      fchownSync(file, uid, gid);
      replace(path, next);
    } catch (error) {
      erase(next);
      throw error;
    } finally {
      closeSync(file);
    }
  }
}

/**
 * Renames the next file to the path. The former content must not stay in memory that is free then. It
 * is overwritten when its file has no name any more: no program that opens the file reads zeros.
 */
function replace(path: string, next: string): void {
  const former = openToOverwrite(path);
  try {
    renameSync(next, path);
    if (former !== undefined) overwrite(former);
  } finally {
    if (former !== undefined) closeSync(former);
  }
}

/** Overwrites a file and removes it, or removes what else has this path. False if it was no file. */
function erase(path: string): boolean {
  const file = openToOverwrite(path);
  try {
    if (file !== undefined) overwrite(file);
    rmSync(path, { recursive: true, force: true });
    return file !== undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Opens a file; undefined if there is none with this path, or if it is no regular file. */
function openToOverwrite(path: string): number | undefined {
  const { O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = resultUnless(
    ["ENOENT", "ELOOP", "EISDIR", "ENXIO"],
    () => openSync(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK),
  );
  if (file === undefined || fstatSync(file).isFile()) return file;
  closeSync(file);
  return undefined;
}

/** Overwrites an open file with zeros. */
function overwrite(file: number): void {
  const { size } = fstatSync(file);
  const zeros = new Uint8Array(Math.min(size, CHUNK));
  for (let at = 0; at < size; at += zeros.length) {
    writeSync(file, zeros, 0, Math.min(zeros.length, size - at), at);
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    at += writeSync(file, bytes, at, bytes.length - at, at);
  }
}
