/**
 * Finds the processes that have a socket open: the links in /proc/PID/fd, proc_pid_fd(5).
 * @module
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process. */
export interface Process {
  readonly pid: number;
  /** The name of the process: the first 15 bytes (proc_pid_comm(5)). */
  readonly name: string;
}

/** The processes of each inode, in the order of their pids. */
export interface Owners {
  readonly byInode: ReadonlyMap<string, readonly Process[]>;
  /** False if the search ended at its limit: then some processes may be missing. */
  readonly isComplete: boolean;
}

/** How long the search may take, in milliseconds. */
const LIMIT_MS = 500;
/** After so many milliseconds without a break, other work of this process gets its turn. */
const SLICE_MS = 5;
/** Descriptors between two looks at the time. */
const LOOKS = 64;

/** When a search ends early. */
export interface SearchLimits {
  /** Milliseconds that the search may take; 500 by default. */
  readonly limitMs?: number;
  /** Asked at each break: false ends the search. */
  readonly goesOn?: () => boolean;
}

/**
 * Finds the processes that have one of these sockets open. Processes that end meanwhile, or that
 * may not be looked at, are left out.
 */
export async function ownersOf(
  inodes: ReadonlySet<string>,
  { limitMs = LIMIT_MS, goesOn = () => true }: SearchLimits = {},
): Promise<Owners> {
  if (!goesOn()) return { byInode: new Map(), isComplete: false };
  const byInode = new Map<string, Process[]>();
  if (inodes.size === 0) return { byInode, isComplete: true };
  const end = performance.now() + limitMs;
  let slice = performance.now() + SLICE_MS;
  let looks = 0;
  const pids = namesIn("/proc").filter((name) => /^\d+$/.test(name))
    .map(Number).sort((a, b) => a - b);
  for (const pid of pids) {
    const found = new Set<string>();
    for (const fd of namesIn(`/proc/${pid}/fd`)) {
      if (++looks % LOOKS === 0 && performance.now() > slice) {
        await new Promise((resolve) => setImmediate(resolve));
        if (performance.now() > end || !goesOn()) {
          return { byInode, isComplete: false };
        }
        slice = performance.now() + SLICE_MS;
      }
      const inode = socketOf(pid, fd);
      if (inode !== undefined && inodes.has(inode)) found.add(inode);
    }
    for (const inode of found) {
      const owners = byInode.get(inode) ?? [];
      owners.push({ pid, name: nameOf(pid) });
      byInode.set(inode, owners);
    }
  }
  return { byInode, isComplete: true };
}

/** The inode of a socket that the process has open; undefined for anything else. */
function socketOf(pid: number, fd: string): string | undefined {
  try {
    const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
    return /^socket:\[(\d+)\]$/.exec(target)?.[1];
  } catch {
    return undefined; // closed meanwhile
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // the process has ended, or belongs to another user
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trimEnd();
  } catch {
    return "";
  }
}
