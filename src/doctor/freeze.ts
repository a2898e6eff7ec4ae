/**
 * Checks of what freezes the workload: its cgroups, and its filesystems.
 * @module
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { findCgroup, findCgroupRoot } from "../linux/cgroup.ts";
import { requireSymbol } from "../linux/libc.ts";
import { type Mount, readMounts } from "../linux/mountinfo.ts";
import {
  allMountsToFreeze,
  mountsToFreeze,
  neededPaths,
  pathsToResolve,
} from "../linux/mounts.ts";
import { realPath } from "../linux/real_paths.ts";
import type { Check } from "./check.ts";
import {
  AS_ROOT,
  nearest,
  requireCapability,
  requireDirectory,
  requireWritable,
} from "./privileges.ts";

/** The checks of the steps `workload` and `freeze-mounts`. */
export const freezeChecks: readonly Check[] = [
  {
    name: "freezer",
    needed: ({ workloadCgroup, dialects }) =>
      workloadCgroup.length > 0 ||
      dialects.some((text) => text.startsWith("e2b")),
    look: ({ config }) => findFreezer(config.workloadCgroup),
    skipped: "freezing the workload (--workload-cgroup)",
    remedy:
      "run the agent as root, mount cgroup v2 (mount -t cgroup2 none /sys/fs/cgroup) and name a cgroup that does not contain the agent",
  },
  {
    name: "freeze-mounts",
    needed: ({ freezeMounts, freezeAllMounts, snapshotKind }) =>
      freezeMounts.length > 0 || (freezeAllMounts && snapshotKind === "disk"),
    look({ config, libc }) {
      requireCapability("CAP_SYS_ADMIN");
      requireSymbol(libc, "ioctl");
      const { freezeMounts, freezeAllMounts, freezeForce } = config;
      if (freezeMounts.length === 0 && !freezeAllMounts) {
        return "mounts can be frozen, none is configured";
      }
      const { runtimeDirectory } = config;
      const needed = freezeForce ? [] : neededPaths(nearest(runtimeDirectory));
      const mounts = readMounts();
      const paths = pathsToResolve(freezeMounts, needed, mounts);
      const realPaths = new Map(paths.map((path) => [path, realPath(path)]));
      const names = (chosen: readonly Mount[]) =>
        chosen.map(({ mountPoint }) => mountPoint).join(", ");
      if (freezeMounts.length > 0) {
        return names(mountsToFreeze(freezeMounts, needed, realPaths, mounts));
      }
      const { chosen } = allMountsToFreeze(needed, realPaths, mounts);
      return `for kind disk: ${names(chosen) || "no mount"}`;
    },
    skipped: "freezing filesystems (--freeze-mounts)",
    remedy:
      `${AS_ROOT}, and name mount points to which the agent does not write`,
  },
];

/**
 * Describes where the cgroup freezer is. Throws if one of the named cgroups cannot
 * be frozen.
 */
function findFreezer(names: readonly string[]): string {
  const root = findCgroupRoot();
  const named = names.filter((name) => name !== "all");
  if (named.length > 0) {
    const paths = named.map((name) => {
      const path = findCgroup(name, root);
      if (path !== undefined) return path;
      throw new Error(`there is no cgroup ${name} in ${root}`);
    });
    for (const path of paths) requireWritable(join(path, "cgroup.freeze"));
    return paths.join(", ");
  }
  // cgroup.freeze exists since Linux 5.2, in every cgroup except the root.
  const cgroups = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory());
  const freezable = cgroups.some(({ name }) =>
    existsSync(join(root, name, "cgroup.freeze"))
  );
  if (cgroups.length > 0 && !freezable) {
    throw new Error(`the cgroups in ${root} cannot be frozen`);
  }
  requireDirectory(root);
  return named.length < names.length
    ? `${root}, all cgroups but the agent's own`
    : `${root}, no cgroup is configured`;
}
