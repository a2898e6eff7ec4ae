/**
 * Random ids, read from the kernel. The generators of both runtimes live in user space, and a
 * snapshot copies their state: two forks draw the same values, and a reseed of the kernel does not
 * change that. Two reads of /dev/urandom always differ (random(4)).
 * @module
 */
import { openSync, readSync } from "node:fs";

const DEVICE = "/dev/urandom";
/** The open device. It stays open, so that a request gets an id if no descriptor is free. */
let device: number | undefined;

/**
 * Returns an id that no other fork of this machine returns: 128 bits as 32 hexadecimal digits.
 * Throws if the device cannot be opened or read.
 */
export function randomId(): string {
  const bytes = new Uint8Array(16);
  device ??= openSync(DEVICE, "r");
  // One read returns all bytes, because they are fewer than 256 (random(4)).
  const count = readSync(device, bytes, 0, bytes.length, null);
  if (count === bytes.length) return bytes.toHex();
  throw new Error(
    `Cannot read ${DEVICE}: it gave ${count} of ${bytes.length} bytes`,
  );
}
