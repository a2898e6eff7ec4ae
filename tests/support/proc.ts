/**
 * What the kernel says of a process: tests believe it rather than the process.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The allowed CPUs of every thread, as the kernel's own text. */
export function masksOf(pid: number): Map<number, string> {
  const masks = new Map<number, string>();
  for (const tid of threadsOf(pid)) {
    const mask = statusOf(pid, tid, "Cpus_allowed_list");
    if (mask !== undefined) masks.set(tid, mask);
  }
  return masks;
}

/** Ids of the threads. */
export function threadsOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).map(Number);
}

/** Ids of the processes whose parent it is, ended ones that it has not seen too. */
export function childrenOf(pid: number): number[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number)
    .filter((child) => {
      try {
        const stat = readFileSync(`/proc/${child}/stat`, "latin1");
        // The name before it may contain anything (proc_pid_stat(5)).
        const [, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return Number(parent) === pid;
      } catch {
        return false; // ended in between
      }
    });
}

/** What each descriptor points to. */
export function descriptorsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return []; // closed in between
    }
  });
}

/** A figure of smaps_rollup in bytes. */
export function memoryOf(
  pid: number,
  what: "Rss" | "Private_Dirty" | "Pss_Anon" | "Anonymous",
): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const found = text.match(new RegExp(`^${what}:\\s+(\\d+) kB`, "m"));
  if (found === null) throw new Error(`Cannot find ${what} of ${pid}`);
  return Number(found[1]) * 1024;
}

/**
 * Sockets of IPv4 on a local port, by state (proc(5): 01 established, 08 closed by
 * the other side, 0A listening). The kernel may list a socket more than once if
 * others come and go during the read.
 */
export function socketsOn(
  port: number,
  state: "01" | "08" | "0A",
): { local: string; remote: string }[] {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const found = new Map<string, { local: string; remote: string }>();
  for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n")) {
    const [, local, remote, st] = line.trim().split(/\s+/);
    if (local?.endsWith(`:${hex}`) && st === state) {
      found.set(`${local} ${remote}`, { local, remote });
    }
  }
  return [...found.values()];
}

/**
 * Sockets of the process that are, or were, connections over IPv4: the forwarder's listeners come
 * and go with the programs of this machine.
 */
export function connectionsOf(pid: number): number {
  const connected = new Set(
    readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1).flatMap(
      (line) => {
        const [, , , st, , , , , , inode] = line.trim().split(/\s+/);
        return st === "0A" ? [] : [`socket:[${inode}]`];
      },
    ),
  );
  const open = descriptorsOf(pid).filter((fd) => connected.has(fd));
  return open.length + deadSockets(pid).length;
}

/**
 * Sockets that are over, and that the process has not closed yet: a connection
 * that has ended on both sides is in none of the kernel's tables any more.
 */
export function deadSockets(pid: number): string[] {
  const open = descriptorsOf(pid).filter((fd) => fd.startsWith("socket:"));
  const tables = ["tcp", "tcp6", "udp", "udp6", "unix", "netlink"]
    .map((name) => readFileSync(`/proc/net/${name}`, "utf8"));
  const living = new Set(tables.join(" ").split(/\s+/));
  return open.filter((fd) => !living.has(fd.slice("socket:[".length, -1)));
}

/** A field of the status of a thread. */
export function statusOf(
  pid: number,
  tid: number,
  key: string,
): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/task/${tid}/status`, "utf8");
    return text.match(new RegExp(`^${key}:\\s+(.*)$`, "m"))?.[1];
  } catch {
    return undefined; // ended in between
  }
}

/** An IPv4 address as /proc/net/tcp has it (proc(5)). */
export function procAddress(address: string): string {
  return address.split(".").toReversed()
    .map((byte) => Number(byte).toString(16).padStart(2, "0")).join("")
    .toUpperCase();
}
