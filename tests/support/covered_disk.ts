/**
 * Asks for the filesystems many times, where a FUSE filesystem that never answers covers a disk. Prints
 * what is told of that disk, and whether a thread of the runtime's pool is free after that.
 */
import { readFile } from "node:fs/promises";
import process from "node:process";
import { filesystems } from "../../src/dialects/qemu_ga/facts.ts";
import { within } from "../../src/util/within.ts";

/** More than Bun's pool has threads on a machine with two CPUs. */
const TIMES = 3;
const LIMIT_MS = 5000;

const [, , mountPoint] = process.argv;
let found: object | undefined;
for (let i = 0; i < TIMES; i++) {
  const all = await filesystems() as { mountpoint: string }[];
  found = all.find(({ mountpoint }) => mountpoint === mountPoint);
}
const read = readFile("/proc/uptime").then(() => true);
const isFree = "value" in await within(read, { limitMs: LIMIT_MS });
console.log(JSON.stringify({ keys: Object.keys(found ?? {}), isFree }));
process.exit(0);
