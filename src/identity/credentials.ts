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
    const { directory } = this;
    return readMounts().some(({ mountPoint, type }) =>
      mountPoint === directory && type === "ramfs"
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
    let count = 0;
    for (const name of readdirSync(this.directory)) {
      if (overwrite(join(this.directory, name))) count++;
      rmSync(join(this.directory, name), { recursive: true, force: true });
    }
    unmount(this.#libc, this.directory);
    return count;
  }

  #write(name: string, credential: Credential): void {
    const { data, uid = 0, gid = 0, mode = FILE_MODE } = credential;
    const path = join(this.directory, name);
    const next = join(this.directory, `.${name}.new`);
    rmSync(next, { force: true });
    const { O_WRONLY, O_CREAT, O_EXCL } = constants;
    const file = openSync(next, O_WRONLY | O_CREAT | O_EXCL, FILE_MODE);
    try {
      writeAll(file, data);
      fchmodSync(file, mode);
      fchownSync(file, uid, gid);
    } finally {
      closeSync(file);
    }
    // The former content must not stay in memory that is free then.
    overwrite(path);
    renameSync(next, path);
  }
}

/** Overwrites a file with zeros; false if there is no such file. */
function overwrite(path: string): boolean {
  const { O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = resultUnless(
    ["ENOENT", "ELOOP", "EISDIR", "ENXIO"],
    () => openSync(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK),
  );
  if (file === undefined) return false;
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) return false;
    const zeros = new Uint8Array(Math.min(stats.size, CHUNK));
    for (let at = 0; at < stats.size; at += zeros.length) {
      const most = Math.min(zeros.length, stats.size - at);
      writeSync(file, zeros, 0, most, at);
    }
    return true;
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    at += writeSync(file, bytes, at, bytes.length - at, at);
  }
}
