/**
 * The tree of cgroups: which of them are frozen if everything outside the agent's own chain of
 * cgroups is to be frozen. A freeze is hierarchical: it holds for all cgroups below, and for none
 * above.
 * @module
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { resultUnless } from "../util/errors.ts";
import { cgroupOf, freezerState } from "./cgroup.ts";
import { isWithin } from "./mountinfo.ts";

/**
 * Cgroups that stay running, because a recovery needs their programs before it thaws the others: the
 * init, the log, and the daemons that apply addresses, names and mounts.
 */
const KEPT = [
  "init.scope",
  "system.slice/systemd-journald.service",
  "system.slice/systemd-networkd.service",
  "system.slice/systemd-resolved.service",
  "system.slice/systemd-hostnamed.service",
  "system.slice/NetworkManager.service",
  "system.slice/dbus.service",
  "system.slice/dbus-broker.service",
  "system.slice/rpcbind.service",
  "system.slice/rpcbind.socket",
  "system.slice/rpc-statd.service",
] as const;

/** The codes if a cgroup was removed while the tree was read. */
const GONE = ["ENOENT", "ENODEV"];

/** Where the walk begins, and what it must not freeze. */
export interface Tree {
  /** The mount point of cgroup v2. */
  readonly root: string;
  /** Cgroups with processes that must run: that of the agent, and that of process 1. */
  readonly own: readonly string[];
  /** Cgroups that stay running, with all cgroups below them. */
  readonly kept: readonly string[];
}

/** Finds the tree of this machine. `kept` are further cgroups that stay running, below the root. */
export function findTree(
  root: string,
  kept: readonly string[] = [],
  proc = "/proc",
): Tree {
  const self = cgroupOf("self", root, proc);
  if (!isWithin(self, root)) {
    throw new Error(
      `Cannot freeze the workload: the agent's own cgroup is not below ${root}`,
    );
  }
  // Process 1 of another namespace cannot be frozen from here.
  const first = cgroupOf("1", root, proc);
  return {
    root,
    own: isWithin(first, root) ? [self, first] : [self],
    kept: [...KEPT, ...kept].map((name) =>
      isWithin(name, root) ? name : join(root, name)
    ),
  };
}

/** What a walk found. */
export interface Walk {
  /** The cgroups to freeze: the top of each part of the tree that holds nothing to keep. */
  readonly targets: readonly string[];
  /** Tops of parts that the guest itself has frozen. */
  readonly preFrozen: readonly string[];
  /** How many cgroups the walk looked at. */
  readonly visited: number;
  /** How many cgroups the walk left running because they are kept. */
  readonly allowlisted: number;
  /** True if the walk ended at its limit: there are cgroups that it did not see. */
  readonly truncated: boolean;
}

/** Finds the cgroups to freeze; looks at `most` cgroups. */
export function walkTree(tree: Tree, most: number): Walk {
  const targets: string[] = [];
  const preFrozen: string[] = [];
  let visited = 0;
  let allowlisted = 0;
  const queue = [tree.root];
  for (const path of queue) {
    if (visited >= most) {
      return { targets, preFrozen, visited, allowlisted, truncated: true };
    }
    visited++;
    if (isKept(tree, path)) allowlisted++;
    else if (holdsKept(tree, path)) queue.push(...childrenOf(path));
    else if (freezerState(path)?.requested) preFrozen.push(path);
    else targets.push(path);
  }
  return { targets, preFrozen, visited, allowlisted, truncated: false };
}

/** What a look at the whole tree found, before the thaw. */
export interface Audit {
  /** How many cgroups were looked at. */
  readonly visited: number;
  readonly frozen: number;
  /** Cgroups that ran although they should have been frozen, for example new ones. */
  readonly escaped: number;
  /** Cgroups that were frozen although they must run. */
  readonly violations: number;
  readonly truncated: boolean;
}

/** Counts which cgroups of the tree are frozen; looks at `most` cgroups. */
export function auditTree(tree: Tree, most: number): Audit {
  let [visited, frozen, escaped, violations] = [0, 0, 0, 0];
  let truncated = false;
  const queue = [tree.root];
  for (const path of queue) {
    if (visited >= most) {
      truncated = true;
      break;
    }
    visited++;
    queue.push(...childrenOf(path));
    // The root has no freezer.
    const state = path === tree.root ? undefined : freezerState(path);
    if (state === undefined) continue;
    const mustRun = isKept(tree, path) || holdsKept(tree, path);
    if (state.frozen) mustRun ? violations++ : frozen++;
    else if (!mustRun) escaped++;
  }
  return { visited, frozen, escaped, violations, truncated };
}

function isKept({ kept }: Tree, path: string): boolean {
  return kept.some((one) => isWithin(path, one));
}

/** Whether a freeze of this cgroup would stop something that must run. */
function holdsKept({ own, kept, root }: Tree, path: string): boolean {
  return path === root || [...own, ...kept].some((one) => isWithin(one, path));
}

/** The cgroups right below this one; none if it was removed. */
function childrenOf(path: string): string[] {
  const entries = resultUnless(
    GONE,
    () => readdirSync(path, { withFileTypes: true }),
  );
  return (entries ?? [])
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(path, name));
}
