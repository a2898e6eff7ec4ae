/**
 * Random bytes from the kernel. The generators of both runtimes live in user
 * space and are copied with a snapshot: two forks draw the same values, and no
 * reseed of the kernel helps them. A read of /dev/urandom differs (random(4)).
 * @module
 */
import { openSync, readSync } from "node:fs";

const DEVICE = "/dev/urandom";
/** Stays open: every request needs an id, also where descriptors have run out. */
let device: number | undefined;

/** That many random bytes; fails where the kernel gives none. */
export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  device ??= openSync(DEVICE, "r");
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
export function randomId(): string {
  return randomBytes(16).toHex();
}
