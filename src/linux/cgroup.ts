/**
 * The freezer of cgroup v2 (the kernel's admin-guide/cgroup-v2, "cgroup.freeze"):
 * a write asks, and `cgroup.events` says when it is so.
 * @module
 */
import { existsSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorText, hasCode } from "../util/errors.ts";
import { isWithin, mountOf, readMounts } from "./mountinfo.ts";

/** Where hierarchies of cgroups are mounted: cgroups(7). */
const CGROUPS = "/sys/fs/cgroup";
/** linux/limits.h */
const NAME_MAX = 255;

/**
 * Where cgroup v2 is mounted: /sys/fs/cgroup, or /sys/fs/cgroup/unified beside
 * the hierarchies of version 1.
 */
export function findCgroupRoot(): string {
  const mount = readMounts().findLast(({ type }) => type === "cgroup2");
  if (mount === undefined) {
    throw new Error("Cannot find cgroup v2: it is not mounted");
  }
  return mount.mountPoint;
}

/**
 * The directory of a cgroup that may be frozen; undefined where there is no such
 * cgroup, as that of a service that has ended. A name is a path below the root, or
 * the whole path of its directory. Fails for a name that can never be one of a
 * cgroup v2, and where the cgroup holds this process or process 1, or a cgroup
 * above them: a machine whose agent or init is frozen never comes back.
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
    if (!isGone(error)) throw refused(errorText(error));
    if (!existsSync(path)) return undefined; // removed just now
    throw refused("it has no cgroup.freeze, which came with Linux 5.2");
  }
}

/** Whether mkdir(2) takes it; cgroups refuse line ends (cgroup_mkdir()). */
function canExist(path: string): boolean {
  const bytes = new TextEncoder();
  return !/[\0\n]/.test(path) &&
    path.split("/").every((name) => bytes.encode(name).length <= NAME_MAX);
}

/** What a whole path is that cannot be one of cgroup v2, in words. */
function otherHierarchy(name: string, root: string): string | undefined {
  if (!name.startsWith("/")) return undefined;
  const { type, mountPoint } = mountOf(name, readMounts());
  if (type === "cgroup") return `in ${mountPoint}, which is cgroup v1`;
  return isWithin(name, CGROUPS) && !isWithin(name, root)
    ? `in ${CGROUPS}`
    : undefined;
}

/** The directory of a process's cgroup (cgroups(7), /proc/PID/cgroup). */
function cgroupOf(pid: string, root: string, proc: string): string {
  const text = readFileSync(`${proc}/${pid}/cgroup`, "utf8");
  const path = /^0::(.*)$/m.exec(text)?.[1];
  if (path === undefined) {
    throw new Error(`Cannot find the cgroup of process ${pid}: it has none`);
  }
  // A cgroup that was removed beneath its process is marked so.
  return join(root, path.replace(/ \(deleted\)$/, ""));
}

/** What the kernel says of a cgroup's freezer. */
export interface FreezerState {
  /** A write asked for this very cgroup to be frozen. */
  readonly requested: boolean;
  /** Everything in it stands still. */
  readonly frozen: boolean;
}

/** Reads it; undefined where the cgroup is gone. */
export function freezerState(path: string): FreezerState | undefined {
  try {
    const events = readFileSync(join(path, "cgroup.events"), "utf8");
    return {
      requested:
        readFileSync(join(path, "cgroup.freeze"), "utf8").trim() === "1",
      frozen: /^frozen 1$/m.test(events),
    };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Asks for a cgroup to be frozen, or thawed; false where it is gone. */
export function requestFreezer(path: string, freeze: boolean): boolean {
  try {
    // No O_CREAT, whatever the path turned into meanwhile.
    writeFileSync(join(path, "cgroup.freeze"), freeze ? "1" : "0", {
      flag: "r+",
    });
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** Whether a cgroup above this one is asked to be frozen. */
export function frozenFromAbove(path: string): boolean {
  for (let above = join(path, ".."); above !== "/"; above = join(above, "..")) {
    const state = freezerState(above);
    if (state === undefined) return false; // the root, or beyond it
    if (state.requested) return true;
  }
  return false;
}

/** ENODEV: the file was opened before its cgroup was removed. */
function isGone(error: unknown): boolean {
  return hasCode(error, "ENOENT", "ENODEV");
}
