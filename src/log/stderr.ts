/**
 * Stderr, written to without waiting for who reads it.
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

const STDERR = 2;

/**
 * PIPE_BUF in pipe(7): so many bytes go whole or not at all. Of more Deno does not
 * tell how many went, where the next did not.
 */
const WHOLE = 4096;

const NOW = MSG_DONTWAIT | MSG_NOSIGNAL;
const { EPIPE, ECONNRESET, ENOTCONN } = system.errno;
const OVER = [EPIPE, ECONNRESET, ENOTCONN];

/**
 * How to write to the process's stderr. To make its writes not block (O_NONBLOCK in
 * open(2)) would make it so for all who share it; so a pipe and a terminal are
 * opened again, and a socket, as systemd gives one, gets each message with a flag.
 * As it came where that cannot be; a file does not block.
 */
export function stderrWrite(libc: Libc): Write {
  let stats: Stats;
  try {
    stats = fstatSync(STDERR);
  } catch {
    return toFile(STDERR); // there is none, as each line will find
  }
  if (stats.isSocket()) return toSocket(libc, STDERR) ?? toFile(STDERR);
  if (!stats.isFIFO() && !stats.isCharacterDevice()) return toFile(STDERR);
  return toFile(openAgain(stats) ?? STDERR);
}

/** Writes to a file, a pipe, a terminal. */
export function toFile(fd: number): Write {
  return (bytes) => {
    try {
      return writeSync(fd, bytes.subarray(0, WHOLE));
    } catch (error) {
      if (hasCode(error, "EAGAIN")) return undefined;
      throw error;
    }
  };
}

/** Undefined where there is no libc to do it. */
function toSocket(libc: Libc, fd: number): Write | undefined {
  const { send } = libc;
  if (send === undefined) return undefined;
  return (bytes) => {
    const sent = send(fd, bytes, BigInt(bytes.length), NOW) as number;
    if (sent !== -1) return sent;
    if (OVER.includes(libc.errno?.() ?? 0)) {
      throw lastError(libc, "write to", `socket ${fd}`);
    }
    return undefined;
  };
}

/** The same file, opened for this process alone. */
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
    // Somebody else's terminal, nobody who reads the pipe, or no /proc.
  }
  return undefined;
}
