/**
 * Writes to stderr without blocking.
 * @module
 */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  type Stats,
  writeSync,
} from "node:fs";
import { constants as system } from "node:os";
import { hasCode } from "../util/errors.ts";
import { lastError, type Libc } from "../linux/libc.ts";
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "../linux/socket_constants.ts";
import type { Write } from "./sink.ts";

/** The descriptor of stderr. */
export const STDERR = 2;

/**
 * PIPE_BUF in pipe(7): at most this many bytes are written completely or not at all.
 * For a longer write that blocks in the middle, Deno does not return the number of
 * bytes that were written.
 */
const PIPE_BUF = 4096;

const FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL;
const { EPIPE, ECONNRESET, ENOTCONN } = system.errno;
/** Errors after which the socket can never be written again. */
const CLOSED = [EPIPE, ECONNRESET, ENOTCONN];

/**
 * Returns a function that writes to the process's stderr without blocking. Setting
 * O_NONBLOCK (open(2)) on stderr itself would change it for all processes that share
 * it. A pipe and a terminal are therefore opened again; a socket, which systemd uses,
 * is written with MSG_DONTWAIT; a file never blocks. If a pipe or a terminal cannot
 * be opened again, writes to it may block.
 */
export function stderrWrite(libc: Libc): Write {
  let stats: Stats;
  try {
    stats = fstatSync(STDERR);
  } catch {
    return toFile(STDERR); // stderr is closed: each write fails
  }
  if (stats.isSocket()) return toSocket(libc, STDERR) ?? toFile(STDERR);
  if (!stats.isFIFO() && !stats.isCharacterDevice()) return toFile(STDERR);
  return toFile(openAgain(stats) ?? STDERR);
}

/** Returns a function that writes to a file, a pipe or a terminal. */
export function toFile(fd: number): Write {
  return (bytes) => {
    try {
      return writeSync(fd, bytes.subarray(0, PIPE_BUF));
    } catch (error) {
      if (hasCode(error, "EAGAIN")) return undefined;
      throw error;
    }
  };
}

/** Returns a function that writes to a socket; undefined if libc has no send(2). */
function toSocket(libc: Libc, fd: number): Write | undefined {
  const { send } = libc;
  if (send === undefined) return undefined;
  return (bytes) => {
    const sent = send(fd, bytes, BigInt(bytes.length), FLAGS) as number;
    if (sent !== -1) return sent;
    if (CLOSED.includes(libc.errno?.() ?? 0)) {
      throw lastError(libc, "write to", `socket ${fd}`);
    }
    return undefined;
  };
}

/** Opens stderr's file again, so that only this process has the new descriptor. */
function openAgain(before: Stats): number | undefined {
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    const fd = openSync(
      `/proc/self/fd/${STDERR}`,
      O_WRONLY | O_NONBLOCK | O_NOCTTY,
    );
    const { dev, ino } = fstatSync(fd);
    if (dev === before.dev && ino === before.ino) return fd;
    closeSync(fd);
  } catch {
    // The terminal belongs to another user, the pipe has no reader, or /proc is missing.
  }
  return undefined;
}
