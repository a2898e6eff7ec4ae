/**
 * A lock on a file that the kernel drops when this process ends, however it ends: flock(2).
 * @module
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from "node:fs";
import process from "node:process";
import { errnoName } from "../util/errno.ts";
import { errorText } from "../util/errors.ts";
import { nodeChildProcess } from "../util/lazy_builtins.ts";
import type { Libc } from "./libc.ts";

// flock(2), sys/file.h
const LOCK_EX = 2;
const LOCK_NB = 4;
/** errno(3): another process has the lock. */
const EWOULDBLOCK = 11;
/** open(2): the same on x86-64 and arm64; node:fs has no name for it. */
const O_CLOEXEC = 0o2000000;
const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;

/** The number of tries if the file is replaced or the errno of a call is lost. */
const TRIES = 5;

/** The owner of the lock: this process from now on, or another process. */
export type LockResult =
  | { readonly kind: "locked" }
  | {
    readonly kind: "held";
    /** The other process, if it could write its id into the file. */
    readonly pid: number | undefined;
  };

/**
 * Locks the file for the rest of this process's life, and writes the process id into it. Makes
 * the file if there is none; its directory must exist. If another process has the lock, nothing
 * changes. Only the file's owner can open it, so that no other user can take the lock. Children
 * do not inherit the descriptor. Throws `Cannot lock PATH: CODE` if that is impossible.
 *
 * Without a C library, the program flock(1) takes the lock: a lock belongs to the open file,
 * which the program shares with this process.
 */
export function lockFile(libc: Libc, path: string): LockResult {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const fd = openLockFile(path);
    let keep = false;
    try {
      if (!lock(libc, fd, path)) return { kind: "held", pid: readPid(path) };
      // Another process may have removed the file before the lock was taken.
      keep = isSameFile(fd, path);
      if (!keep) continue;
      writePid(fd);
      return { kind: "locked" };
    } finally {
      if (!keep) closeSync(fd);
    }
  }
  throw new Error(`Cannot lock ${path}: it is replaced again and again`);
}

function openLockFile(path: string): number {
  try {
    return openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600);
  } catch (error) {
    throw new Error(`Cannot lock ${path}: ${errorText(error)}`, {
      cause: error,
    });
  }
}

/** False if another process has the lock. */
function lock(libc: Libc, fd: number, path: string): boolean {
  const { flock } = libc;
  if (flock === undefined) return lockByProgram(fd, path);
  let errno = 0;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
    // Deno loses errno in about one of 20,000 calls.
    errno = libc.errno?.() ?? 0;
    if (errno === EWOULDBLOCK) return false;
  }
  throw new Error(`Cannot lock ${path}: ${errnoName(errno)}`);
}

/** flock(1) of util-linux and of busybox: it exits with 1 if another process has the lock. */
function lockByProgram(fd: number, path: string): boolean {
  const { error, status } = nodeChildProcess().spawnSync("flock", ["-n", "0"], {
    stdio: [fd, "ignore", "ignore"],
  });
  // A runtime may pass another file than the given one to the program.
  if (status === 0 && isLocked(fd)) return true;
  if (status === 1) return false;
  const why = error === undefined ? `exit code ${status}` : errorText(error);
  throw new Error(
    `Cannot lock ${path}: neither the C library nor the program flock could be used (${why})`,
  );
}

/** Whether this open file has a lock: proc(5), /proc/PID/fdinfo. */
function isLocked(fd: number): boolean {
  const text = readFileSync(`/proc/self/fdinfo/${fd}`, "latin1");
  return /^lock:.* FLOCK /m.test(text);
}

function isSameFile(fd: number, path: string): boolean {
  const ours = fstatSync(fd);
  const there = statSync(path, { throwIfNoEntry: false });
  return there?.ino === ours.ino && there.dev === ours.dev;
}

/** Writes the id over the old one, then truncates the file: a reader sees one of the two ids. */
function writePid(fd: number): void {
  let bytes = 0;
  try {
    bytes = writeSync(fd, `${process.pid}\n`, 0);
  } catch {
    // The filesystem is full: the lock holds, and the file names no process.
  }
  ftruncateSync(fd, bytes);
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, "latin1"));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined; // the file was removed meanwhile; the lock still holds
  }
}
