/**
 * Selects every cgroup outside the agent's own chain, for the step `workload`.
 * @module
 */
import type { WorkloadRequest } from "../lifecycle/request.ts";
import { findCgroupRoot } from "../linux/cgroup.ts";
import { auditTree, findTree, walkTree } from "../linux/cgroup_tree.ts";
import type { Selection } from "./cgroup_freeze.ts";

/**
 * The largest number of cgroups that a walk looks at. A machine with a thousand containers has
 * some thousand cgroups, and most of them are below one that is frozen as a whole.
 */
const MOST_CGROUPS = 8192;

/** Selects the cgroups. Throws if the tree is larger than a walk, unless the prepare asks for counts. */
export function selectTree(
  { kept = [], root = findCgroupRoot(), proc = "/proc" }: {
    readonly kept?: readonly string[];
    readonly root?: string;
    readonly proc?: string;
  },
  { maxCgroups = MOST_CGROUPS, counts, audit }: Partial<WorkloadRequest> = {},
): Selection {
  const tree = findTree(root, kept, proc);
  const walk = () => {
    const found = walkTree(tree, Math.min(maxCgroups, MOST_CGROUPS));
    if (found.truncated && !counts) {
      throw new Error(
        `Cannot freeze the workload: there are more than ${found.visited} cgroups`,
      );
    }
    return found;
  };
  const { targets, preFrozen, visited, allowlisted, truncated } = walk();
  const known = new Set([...targets, ...preFrozen]);
  return {
    ours: targets,
    alreadyFrozen: preFrozen,
    gone: [],
    facts: { mode: "hierarchy", visited, allowlisted, truncated },
    added() {
      const fresh = walk().targets.filter((path) => !known.has(path));
      for (const path of fresh) known.add(path);
      return fresh;
    },
    audit: audit ? () => auditTree(tree, MOST_CGROUPS) : undefined,
  };
}
