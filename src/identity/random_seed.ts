/**
 * The item random-seed: the file from which the next boot seeds the random pool.
 * @module
 */
import type { Guest } from "./guest.ts";
import { type ItemEffect, randomBytes } from "./item.ts";

/** systemd-random-seed(8), the script of Debian, and seedrng of BusyBox and OpenRC. */
const FILES = [
  ...["/var/lib/systemd/random-seed", "/var/lib/urandom/random-seed"],
  ...["/var/lib/misc/random-seed"],
  ...["/var/lib/seedrng/seed.credit", "/var/lib/seedrng/seed.no-credit"],
];

/** The size of the kernel's pool, which all of these programs use. */
const BYTES = 512;

/** Effect: `files`. */
export async function renewRandomSeed(guest: Guest): Promise<ItemEffect> {
  const files: string[] = [];
  for (const file of FILES) {
    if (await guest.target(file) === undefined) continue;
    await guest.replace(file, randomBytes(BYTES));
    files.push(file);
  }
  return files.length === 0
    ? { absent: "no file has a random seed" }
    : { files };
}
