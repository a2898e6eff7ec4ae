/**
 * What node:fs tells of a file: stat(2), by statx(2), whose structure is the same on all processors.
 * @module
 */
import type { BigIntStats, Stats } from "node:fs";
import { nodeFs } from "./builtin.ts";
import { attempt, call, cPath, hasLibc } from "./libc.ts";
import { systemError } from "./system_error.ts";

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const BYTES = 256;

const ENOENT = 2;
const ENOTDIR = 20;

// inode(7)
const S_IFMT = 0o170000;
const TYPES = {
  isSocket: 0o140000,
  isSymbolicLink: 0o120000,
  isFile: 0o100000,
  isBlockDevice: 0o60000,
  isDirectory: 0o40000,
  isCharacterDevice: 0o20000,
  isFIFO: 0o10000,
};

/** The part of the options of node:fs that Lull uses. */
interface StatOptions {
  readonly bigint?: boolean;
  readonly throwIfNoEntry?: boolean;
}

/** Follows links. Undefined instead of ENOENT with `throwIfNoEntry: false`. */
export function statSync(path: string, options?: StatOptions) {
  if (!hasLibc()) return nodeFs().statSync(path, options);
  return ofPath("stat", path, 0, options);
}

/** Does not follow the last link. */
export function lstatSync(path: string, options?: StatOptions) {
  if (!hasLibc()) return nodeFs().lstatSync(path, options);
  return ofPath("lstat", path, AT_SYMLINK_NOFOLLOW, options);
}

/** The file of a descriptor. */
export function fstatSync(fd: number, options?: StatOptions) {
  if (!hasLibc()) return nodeFs().fstatSync(fd, options);
  const found = statx(fd, "", AT_EMPTY_PATH);
  if (typeof found === "number") throw systemError(found, { syscall: "fstat" });
  return statsOf(found, options);
}

function ofPath(
  action: string,
  path: string,
  flags: number,
  options?: StatOptions,
) {
  const found = statx(AT_FDCWD, path, flags);
  if (typeof found !== "number") return statsOf(found, options);
  const isMissing = found === ENOENT || found === ENOTDIR;
  if (isMissing && options?.throwIfNoEntry === false) return undefined;
  throw systemError(found, { syscall: action, path });
}

/** The number of the type of the filesystem, statfs(2): the first field of the structure. */
export function statfsSync(path: string): { readonly type: number } {
  if (!hasLibc()) return nodeFs().statfsSync(path);
  const bytes = new Uint8Array(BYTES);
  call("statfs", "statfs", path, cPath(path), bytes);
  return { type: Number(new DataView(bytes.buffer).getBigUint64(0, true)) };
}

/** The structure, or the number of the error. */
function statx(at: number, path: string, flags: number): DataView | number {
  const bytes = new Uint8Array(BYTES);
  const name = cPath(path);
  const result = attempt("statx", at, name, flags, STATX_BASIC_STATS, bytes);
  return result < 0 ? -result : new DataView(bytes.buffer);
}

function statsOf(
  view: DataView,
  options?: StatOptions,
): Stats | BigIntStats {
  const mode = view.getUint16(28, true);
  const number = options?.bigint === true ? BigInt : Number;
  const found: Record<string, unknown> = {
    mode: number(mode),
    nlink: number(view.getUint32(16, true)),
    uid: number(view.getUint32(20, true)),
    gid: number(view.getUint32(24, true)),
    ino: number(view.getBigUint64(32, true)),
    size: number(view.getBigUint64(40, true)),
    ctimeMs: milliseconds(view, 96),
    mtimeMs: milliseconds(view, 112),
    dev: number(device(view.getUint32(136, true), view.getUint32(140, true))),
  };
  for (const [name, type] of Object.entries(TYPES)) {
    found[name] = () => (mode & S_IFMT) === type;
  }
  return found as unknown as Stats;
}

/** struct statx_timestamp: seconds, and nanoseconds. */
function milliseconds(view: DataView, at: number): number {
  return Number(view.getBigInt64(at, true)) * 1000 +
    view.getUint32(at + 8, true) / 1e6;
}

/** The number of a device, as makedev(3) makes it. */
function device(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (high & ~0xfffn) << 32n | (high & 0xfffn) << 8n |
    (low & ~0xffn) << 12n | low & 0xffn;
}
