/**
 * The constants of node:fs that Lull uses: fcntl.h and unistd.h, and one of libuv.
 * @module
 */

const isX64 = Deno.build.arch === "x86_64";

/** Flags of open(2), modes of access(2), and of copyFileSync. */
export const constants = {
  F_OK: 0,
  X_OK: 1,
  W_OK: 2,
  R_OK: 4,
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_NOCTTY: 0o400,
  O_TRUNC: 0o1000,
  O_APPEND: 0o2000,
  O_NONBLOCK: 0o4000,
  // The processors of ARM have numbers of their own.
  O_DIRECTORY: isX64 ? 0o200000 : 0o40000,
  O_NOFOLLOW: isX64 ? 0o400000 : 0o100000,
  COPYFILE_EXCL: 1,
};

const O_CLOEXEC = 0o2000000;
const { O_RDWR, O_WRONLY, O_CREAT, O_TRUNC, O_APPEND, O_EXCL } = constants;

const FLAGS: Record<string, number> = {
  "r": 0,
  "r+": O_RDWR,
  "w": O_WRONLY | O_CREAT | O_TRUNC,
  "wx": O_WRONLY | O_CREAT | O_TRUNC | O_EXCL,
  "w+": O_RDWR | O_CREAT | O_TRUNC,
  "a": O_WRONLY | O_CREAT | O_APPEND,
};

/** The flags of open(2) for those of node:fs; no program that is started gets the descriptor. */
export function openFlags(flags: string | number): number {
  const found = typeof flags === "number" ? flags : FLAGS[flags];
  if (found === undefined) throw new TypeError(`Cannot open with "${flags}"`);
  return found | O_CLOEXEC;
}
