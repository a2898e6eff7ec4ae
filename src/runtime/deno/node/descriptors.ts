/**
 * The functions of node:fs for descriptors, by the C library. Descriptors are numbers of the kernel:
 * node:fs on Deno knows only those that it has opened itself, so all of these functions are Node's,
 * or none.
 * @module
 */
import { nodeFs } from "./builtin.ts";
import { openFlags } from "./constants.ts";
import { attempt, call, cPath, hasLibc } from "./libc.ts";

const DEFAULT_MODE = 0o666;

/** Opens a file. */
export function openSync(
  path: string,
  flags: string | number = "r",
  mode = DEFAULT_MODE,
): number {
  if (!hasLibc()) return nodeFs().openSync(path, flags, mode);
  return call("open", "open", path, cPath(path), openFlags(flags), mode);
}

/** Closes a descriptor. */
export function closeSync(fd: number): void {
  if (!hasLibc()) return nodeFs().closeSync(fd);
  call("close", "close", undefined, fd);
}

/** Reads once, at the position, or where the file is; returns the number of bytes. */
export function readSync(
  fd: number,
  buffer: Uint8Array,
  offset = 0,
  length = buffer.byteLength - offset,
  position: number | null = null,
): number {
  if (!hasLibc()) {
    return nodeFs().readSync(fd, buffer, offset, length, position);
  }
  const part = buffer.subarray(offset, offset + length);
  return position === null
    ? call("read", "read", undefined, fd, part, part.length)
    : call("pread", "read", undefined, fd, part, part.length, position);
}

/** Writes once, at the position, or where the file is; returns the number of bytes. */
export function writeSync(
  fd: number,
  data: Uint8Array | string,
  offset?: number | null,
  length?: number,
  position?: number | null,
): number {
  if (typeof data === "string") {
    // The second argument is the position.
    const bytes = new TextEncoder().encode(data);
    return writeSync(fd, bytes, 0, bytes.length, offset);
  }
  const from = offset ?? 0;
  const count = length ?? data.length - from;
  if (!hasLibc()) return nodeFs().writeSync(fd, data, from, count, position);
  const part = data.subarray(from, from + count);
  return position === null || position === undefined
    ? call("write", "write", undefined, fd, part, part.length)
    : call("pwrite", "write", undefined, fd, part, part.length, position);
}

/** Writes what is in the kernel to the disk. */
export function fsyncSync(fd: number): void {
  if (!hasLibc()) return nodeFs().fsyncSync(fd);
  call("fsync", "fsync", undefined, fd);
}

/** Gives the file that length. */
export function ftruncateSync(fd: number, length = 0): void {
  if (!hasLibc()) return nodeFs().ftruncateSync(fd, length);
  call("ftruncate", "ftruncate", undefined, fd, length);
}

/** Gives the file that mode. */
export function fchmodSync(fd: number, mode: number): void {
  if (!hasLibc()) return nodeFs().fchmodSync(fd, mode);
  call("fchmod", "fchmod", undefined, fd, mode);
}

/** Gives the file that owner and group. */
export function fchownSync(fd: number, uid: number, gid: number): void {
  if (!hasLibc()) return nodeFs().fchownSync(fd, uid, gid);
  call("fchown", "fchown", undefined, fd, uid, gid);
}

/** Throws if this process may not use the file in that way. */
export function accessSync(path: string, mode = 0): void {
  if (!hasLibc()) return nodeFs().accessSync(path, mode);
  call("access", "access", path, cPath(path), mode);
}

/** Whether the path leads to a file. */
export function existsSync(path: string): boolean {
  if (!hasLibc()) return nodeFs().existsSync(path);
  return !path.includes("\0") && attempt("access", cPath(path), 0) === 0;
}

/** Removes a file that is no directory. */
export function unlinkSync(path: string): void {
  if (!hasLibc()) return nodeFs().unlinkSync(path);
  call("unlink", "unlink", path, cPath(path));
}
