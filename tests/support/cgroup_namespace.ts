/**
 * A command prefix that starts a program in a namespace of cgroups: what it sees of cgroup v2 is the
 * tree below one cgroup. A test may then freeze "everything" without this machine.
 */
import { basename } from "node:path";
import { findCgroupRoot } from "../../src/linux/cgroup.ts";
import type { TestCgroup } from "./cgroup.ts";

/** Makes the prefix. The program is in `home`, a cgroup right below `root`, which is its root. */
export function inCgroupNamespace(
  root: TestCgroup,
  home: TestCgroup,
): string[] {
  const at = findCgroupRoot();
  const enter = `umount -l ${at} && mount -t cgroup2 none ${at} && ` +
    `echo $$ >${at}/${basename(home.path)}/cgroup.procs && exec "$@"`;
  return [
    ...["/bin/sh", "-c"],
    `echo $$ >${root.path}/cgroup.procs && ` +
    `exec unshare --cgroup --mount /bin/sh -c '${enter}' sh "$@"`,
    "sh",
  ];
}
