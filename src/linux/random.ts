/**
 * Random names, by the kernel. The generators of both runtimes live in user
 * space and are copied with a snapshot: two forks draw the same values, and no
 * reseed of the kernel helps them. A read of /dev/urandom differs (random(4)).
 * @module
 */
import { openSync, readSync } from "node:fs";
import type { Libc } from "./libc.ts";

const DEVICE = "/dev/urandom";
/** Stays open: every request needs an id, also where descriptors have run out. */
let device: number | undefined;

/** What an id is made from, kept: to make an array is 200 blocks of a first reply. */
const bytes = new Uint8Array(16);

/**
 * A name that no other fork of this machine gives: 128 bits as 32 hex digits; fails
 * where the kernel gives none. With a C library it takes less code, which a fork's
 * first reply waits for.
 */
export function randomId(libc: Pick<Libc, "read"> = {}): string {
  const { length } = bytes;
  device ??= openSync(DEVICE, "r");
  // All of it in one go, as it is for less than 256 bytes (random(4)).
  if (libc.read?.(device, bytes, BigInt(length)) === length) {
    return bytes.toHex();
  }
  const count = readSync(device, bytes, 0, length, null);
  if (count === length) return bytes.toHex();
  throw new Error(
    `Cannot read ${DEVICE}: it gave ${count} of ${length} bytes`,
  );
}
