/**
 * The freezer of cgroup v2 (the kernel's admin-guide/cgroup-v2, "cgroup.freeze"). A write requests
 * the freeze, and `cgroup.events` reports when the cgroup is frozen.
 * @module
 */
import { existsSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorText, hasCode, resultUnless } from "../util/errors.ts";
import { isWithin, mountOf, readMounts } from "./mountinfo.ts";

/** The directory below which hierarchies of cgroups are mounted, cgroups(7). */
const CGROUPS = "/sys/fs/cgroup";
/** The longest name of a file in bytes, linux/limits.h. */
const NAME_MAX = 255;
/** The codes if a cgroup was removed. ENODEV: the file was opened before that. */
const GONE = ["ENOENT", "ENODEV"];

/**
 * Returns the mount point of cgroup v2: /sys/fs/cgroup, or /sys/fs/cgroup/unified beside the
 * hierarchies of version 1.
 */
export function findCgroupRoot(): string {
  const mount = readMounts().findLast(({ type }) => type === "cgroup2");
  if (mount === undefined) {
    throw new Error("Cannot find cgroup v2: it is not mounted");
  }
  return mount.mountPoint;
}

/**
 * Returns the directory of a cgroup that may be frozen; undefined if the cgroup does not exist, for
 * example because its service has ended. A name is a path below the root, or the whole path of the
 * directory. Throws if no cgroup v2 can have this name, and if the cgroup or one of its descendants
 * holds this process or process 1: nothing could thaw a machine whose agent or init is frozen.
 */
export function findCgroup(
  name: string,
  root = findCgroupRoot(),
  proc = "/proc",
): string | undefined {
  const path = locate(name, root);
  if (path === undefined) return undefined;
  for (const [pid, who] of [["self", "the agent itself"], ["1", "process 1"]]) {
    if (isWithin(cgroupOf(pid, root, proc), path)) {
      throw new Error(`Cannot freeze cgroup ${name}: it holds ${who}`);
    }
  }
  return path;
}

function locate(name: string, root: string): string | undefined {
  const wanted = isWithin(name, root) ? name : join(root, name);
  const refused = (why: string) =>
    new Error(`Cannot freeze cgroup ${name}: ${why}`);
  if (!isWithin(wanted, root)) throw refused(`it is not below ${root}`);
  if (!canExist(wanted)) throw refused("no cgroup can have this name");
  let path: string;
  try {
    path = realpathSync(wanted);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw refused(errorText(error));
    const other = otherHierarchy(name, root);
    if (other === undefined) return undefined;
    throw refused(`it is not below ${root}, where cgroup v2 is, but ${other}`);
  }
  if (path === root) throw refused("it is the root, which cannot be frozen");
  if (!isWithin(path, root)) throw refused(`it is not below ${root}`);
  try {
    readFileSync(join(path, "cgroup.freeze"));
    return path;
  } catch (error) {
    if (!hasCode(error, ...GONE)) throw refused(errorText(error));
    if (!existsSync(path)) return undefined; // removed just now
    throw refused("it has no cgroup.freeze, which came with Linux 5.2");
  }
}

/** Whether mkdir(2) accepts the path. Cgroups refuse line ends (cgroup_mkdir()). */
function canExist(path: string): boolean {
  const bytes = new TextEncoder();
  return !/[\0\n]/.test(path) &&
    path.split("/").every((name) => bytes.encode(name).length <= NAME_MAX);
}

/** Describes the location of a whole path that is not in cgroup v2. */
function otherHierarchy(name: string, root: string): string | undefined {
  if (!name.startsWith("/")) return undefined;
  const { type, mountPoint } = mountOf(name, readMounts());
  if (type === "cgroup") return `in ${mountPoint}, which is cgroup v1`;
  return isWithin(name, CGROUPS) && !isWithin(name, root)
    ? `in ${CGROUPS}`
    : undefined;
}

/** Returns the directory of a process's cgroup (/proc/PID/cgroup, cgroups(7)). */
export function cgroupOf(pid: string, root: string, proc: string): string {
  const text = readFileSync(`${proc}/${pid}/cgroup`, "utf8");
  const path = /^0::(.*)$/m.exec(text)?.[1];
  if (path === undefined) {
    throw new Error(`Cannot find the cgroup of process ${pid}: it has none`);
  }
  // The kernel marks a cgroup that was removed while the process was in it.
  return join(root, path.replace(/ \(deleted\)$/, ""));
}

/** The state of a cgroup's freezer. */
export interface FreezerState {
  /** A write asked for this very cgroup to be frozen. */
  readonly requested: boolean;
  /** All processes in the cgroup are frozen. */
  readonly frozen: boolean;
}

/** Reads the state of the freezer; undefined if the cgroup was removed. */
export function freezerState(path: string): FreezerState | undefined {
  return resultUnless(GONE, () => ({
    requested: readFileSync(join(path, "cgroup.freeze"), "utf8").trim() === "1",
    frozen: /^frozen 1$/m.test(
      readFileSync(join(path, "cgroup.events"), "utf8"),
    ),
  }));
}

/** Requests the freeze or the thaw of a cgroup; false if the cgroup was removed. */
export function requestFreezer(path: string, freeze: boolean): boolean {
  return resultUnless(GONE, () => {
    // "r+" does not create the file if the cgroup was removed meanwhile.
    writeFileSync(join(path, "cgroup.freeze"), freeze ? "1" : "0", {
      flag: "r+",
    });
    return true;
  }) ?? false;
}

/** Whether the freeze of a cgroup above this one is requested. */
export function frozenFromAbove(path: string): boolean {
  for (let above = join(path, ".."); above !== "/"; above = join(above, "..")) {
    const state = freezerState(above);
    if (state === undefined) return false; // the root, or a directory above it
    if (state.requested) return true;
  }
  return false;
}
