/**
 * Programs that see a device file which this machine does not have.
 * @module
 */
import { spawnSync } from "node:child_process";

/** What the agent opens in /dev, and what its runtime needs there. */
const KEPT = [
  ...["null", "zero", "full", "random", "urandom", "tty", "kmsg", "hwrng"],
  ...["ptmx", "pts", "shm"],
];

/**
 * Makes the /dev of the new namespace in the directory $0: the devices of this machine, and a link
 * $1 to the file $2, which the test changes.
 */
const SCRIPT = `
mount --make-rprivate / && mount -t tmpfs dev "$0" &&
for name in ${KEPT.join(" ")}; do
  [ -e "/dev/$name" ] || continue
  if [ -d "/dev/$name" ]; then mkdir "$0/$name"; else : >"$0/$name"; fi
  mount --rbind "/dev/$name" "$0/$name"
done
ln -s /proc/self/fd "$0/fd" && ln -s "$2" "$0/$1" && mount --rbind "$0" /dev &&
shift 2 && exec "$@"`;

/**
 * The command prefix of a program that sees /dev/NAME as the file `target`; `directory` is an empty
 * directory of the test. Undefined if this process has no right to make such a /dev.
 */
export function withDevice(
  directory: string,
  name: string,
  target: string,
): string[] | undefined {
  const prefix = [
    ...["unshare", "--mount", "sh", "-c", SCRIPT, directory, name, target],
  ];
  const [program, ...args] = [...prefix, "test", "-e", `/dev/${name}`];
  return spawnSync(program, args).status === 0 ? prefix : undefined;
}
