/**
 * Gives a file of /etc another text without a write to the root filesystem: a file on a tmpfs is
 * replaced there, and over any other one a file of the runtime directory is mounted.
 * @module
 */
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Libc } from "../linux/libc.ts";
import { bindMount, unmount } from "../linux/mount.ts";
import { hasCode, resultUnless } from "../util/errors.ts";

const MISSING = ["ENOENT"];

/** TMPFS_MAGIC and RAMFS_MAGIC of linux/magic.h. */
const IN_MEMORY = [0x01021994, 0x858458f6];

/** How to set the text of a file. */
export interface EtcFileOptions {
  readonly libc: Libc;
  /** The directory for files that are mounted over others; on a tmpfs. */
  readonly directory: string;
  /** Whether the root filesystem may be written. */
  readonly persist: boolean;
}

/** Reads the text of the file; undefined if there is no file. */
export function readEtcFile(path: string): string | undefined {
  return resultUnless(MISSING, () => readFileSync(path, "utf8"));
}

/**
 * Sets the text of the file, and returns the undo. A file that this function has mounted before gets
 * the text in place, so that mounts are not stacked.
 */
export function setEtcFile(
  path: string,
  text: string,
  { libc, directory, persist }: EtcFileOptions,
): () => void {
  const file = targetOf(path);
  const source = join(directory, basename(path));
  const former = readEtcFile(file);
  const mounted = isSame(file, source);
  if (mounted && !persist) {
    overwriteFile(source, text);
    return () => overwriteFile(source, former ?? "");
  }
  if (mounted) unmount(libc, file);
  // The file that was mounted still has its text.
  const mountAgain = () => {
    if (mounted) bindMount(libc, source, file);
  };
  if (persist || isInMemory(dirname(file))) {
    const below = mounted ? readEtcFile(file) : former;
    try {
      replaceFile(file, text);
    } catch (error) {
      mountAgain();
      throw error;
    }
    return () => {
      if (below === undefined) rmSync(file, { force: true });
      else replaceFile(file, below);
      mountAgain();
    };
  }
  if (former === undefined) {
    throw new Error(
      `Cannot set ${path}: there is no such file, and nothing is written to the root filesystem; ` +
        "create the file in the image, or send persist",
    );
  }
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  writeFileSync(source, text);
  // The agent's umask may be stricter, and all programs read these files.
  chmodSync(source, 0o644);
  bindMount(libc, source, file);
  return () => unmount(libc, file);
}

/** The file that the path names at last; it need not exist. */
function targetOf(path: string, depth = 0): string {
  const real = resultUnless(MISSING, () => realpathSync(path));
  if (real !== undefined) return real;
  const link = resultUnless(
    [...MISSING, "EINVAL"],
    () => readlinkSync(path),
  );
  if (link === undefined || depth > 8) return path;
  return targetOf(resolve(dirname(path), link), depth + 1);
}

/** Whether both paths are one file, which a mount of the second over the first makes true. */
function isSame(file: string, source: string): boolean {
  const [a, b] = [file, source].map((path) =>
    resultUnless(MISSING, () => statSync(path))
  );
  return a !== undefined && a.dev === b?.dev && a.ino === b.ino;
}

/** Whether the directory, or the first one above it that exists, is on a tmpfs. */
function isInMemory(directory: string): boolean {
  const type = resultUnless(MISSING, () => statfsSync(directory).type);
  if (type !== undefined) return IN_MEMORY.includes(Number(type));
  return directory !== "/" && isInMemory(dirname(directory));
}

/** Overwrites a file that is mounted. If that fails, for example on a full tmpfs, it keeps its text. */
function overwriteFile(path: string, text: string): void {
  const file = openSync(path, "r+");
  try {
    const former = readFileSync(path);
    try {
      overwrite(file, new TextEncoder().encode(text));
    } catch (error) {
      overwrite(file, former); // it still has the memory for this
      throw error;
    }
  } finally {
    closeSync(file);
  }
}

/** Writes before it truncates: the memory of the former text is not free in between. */
function overwrite(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    at += writeSync(file, bytes, at, bytes.length - at, at);
  }
  ftruncateSync(file, bytes.length);
}

/** Replaces the file atomically. A mount point of another program is written in place. */
function replaceFile(file: string, text: string): void {
  const mode = resultUnless(MISSING, () => statSync(file).mode & 0o777) ??
    0o644;
  const fresh = `${file}.lull`;
  mkdirSync(dirname(file), { recursive: true });
  try {
    writeFileSync(fresh, text);
    chmodSync(fresh, mode);
    renameSync(fresh, file);
  } catch (error) {
    rmSync(fresh, { force: true });
    if (!hasCode(error, "EBUSY")) throw error;
    writeFileSync(file, text);
  }
}
