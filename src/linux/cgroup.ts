/**
 * The freezer of cgroup v2 (the kernel's admin-guide/cgroup-v2, "cgroup.freeze"):
 * a write asks, and `cgroup.events` says when it is so.
 * @module
 */
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isWithin, readMounts } from "./mountinfo.ts";

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
 * The directory of a cgroup that may be frozen. A name is a path below the root,
 * or the whole path of its directory. Fails where there is no such cgroup, and
 * where it holds this process or process 1, or a cgroup above them: a machine
 * whose agent or init is frozen never comes back.
 */
export function findCgroup(
  name: string,
  root = findCgroupRoot(),
  proc = "/proc",
): string {
  const path = locate(name, root);
  for (const [pid, who] of [["self", "the agent itself"], ["1", "process 1"]]) {
    if (isWithin(cgroupOf(pid, root, proc), path)) {
      throw new Error(`Cannot freeze cgroup ${name}: it holds ${who}`);
    }
  }
  return path;
}

function locate(name: string, root: string): string {
  const wanted = isWithin(name, root) ? name : join(root, name);
  let path: string;
  try {
    path = realpathSync(wanted);
    // The root has no such file, and a directory elsewhere is no cgroup.
    if (isWithin(path, root)) readFileSync(join(path, "cgroup.freeze"));
    else throw new Error(`it is not below ${root}`);
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    const why = code === "ENOENT"
      ? `there is no ${wanted} that can be frozen`
      : code ?? message;
    throw new Error(`Cannot freeze cgroup ${name}: ${why}`);
  }
  return path;
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
  /** Somebody asked for this very cgroup to be frozen. */
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
  const { code } = error as { code?: string };
  return code === "ENOENT" || code === "ENODEV";
}

/** Milliseconds between two looks: a short freeze is seen soon. */
const FIRST_LOOK_MS = 1;
const LAST_LOOK_MS = 5;

/**
 * Waits until the condition holds; false if it still does not at the limit, or
 * when the signal aborts. The kernel's own news of `cgroup.events` needs poll(2),
 * which neither runtime offers.
 */
export async function waitFor(
  condition: () => boolean,
  limitMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const end = performance.now() + limitMs;
  for (let pause = FIRST_LOOK_MS;; pause = Math.min(pause + 1, LAST_LOOK_MS)) {
    if (condition()) return true;
    if (signal?.aborted || performance.now() >= end) return false;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
