/**
 * Agents that see no hardware source of random numbers, as most machines have
 * none: it takes up to 250 ms of each recovery, and it meets each requirement of
 * new entropy, which tests could not see unmet.
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const SOURCE = "/dev/hwrng";

/**
 * What starts a program that sees none, in mounts of its own. Empty where there
 * is no such source, or no right to hide it. The directory is the test's own.
 */
export function withoutHardwareRandom(directory: string): string[] {
  if (!existsSync(SOURCE)) return [];
  // A device that no driver has: open(2) gives ENXIO.
  const none = join(directory, "no-hwrng");
  const hidden = [
    ...["unshare", "--mount", "sh", "-c"],
    'mount --make-rprivate / && mount --bind "$0" /dev/hwrng && exec "$@"',
    none,
  ];
  const made = spawnSync("mknod", [none, "c", "240", "255"]).status === 0;
  const [program, ...args] = [...hidden, "cat", SOURCE];
  const { stderr } = spawnSync(program, args, { encoding: "utf8" });
  return made && /No such device/.test(stderr) ? hidden : [];
}
