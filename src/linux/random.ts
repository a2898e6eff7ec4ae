/**
 * Random bytes from the kernel. The generators of both runtimes live in user
 * space and are copied with a snapshot: two forks draw the same values, and no
 * reseed of the kernel helps them. A read of /dev/urandom differs (random(4)).
 * @module
 */
import { openSync, readSync } from "node:fs";
import type { Libc } from "./libc.ts";

const DEVICE = "/dev/urandom";
/** Stays open: every request needs an id, also where descriptors have run out. */
let device: number | undefined;

/**
 * That many random bytes; fails where the kernel gives none. With a C library it
 * takes less code, which a fork's first reply waits for.
 */
export function randomBytes(
  length: number,
  libc: Pick<Libc, "read"> = {},
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  device ??= openSync(DEVICE, "r");
  // All of it in one go, but for interrupted reads of more than 256 (random(4)).
  if (libc.read?.(device, bytes, BigInt(length)) === length) return bytes;
  for (let filled = 0; filled < length;) {
    const count = readSync(device, bytes, filled, length - filled, null);
    if (count === 0) {
      throw new Error(
        `Cannot read ${DEVICE}: it ended after ${filled} of ${length} bytes`,
      );
    }
    filled += count;
  }
  return bytes;
}

/** A name that no other fork of this machine gives: 128 bits as 32 hex digits. */
export function randomId(libc?: Pick<Libc, "read">): string {
  return randomBytes(16, libc).toHex();
}
