/**
 * Checks of the kernel, and of what this process may ask of it.
 * @module
 */
import { closeSync, existsSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { readMask } from "../linux/cpu_mask.ts";
import { findCgroup, findCgroupRoot } from "../linux/cgroup.ts";
import { wallClock } from "../linux/clock.ts";
import { openKernelLog } from "../linux/kmsg.ts";
import { lastError, type Libc, requireSymbol } from "../linux/libc.ts";
import { readMounts } from "../linux/mountinfo.ts";
import {
  mountsToFreeze,
  neededPaths,
  pathsToResolve,
} from "../linux/mounts.ts";
import { realPath } from "../linux/real_paths.ts";
import { TcpTable } from "../linux/sock_diag.ts";
import { AF_INET } from "../linux/socket_constants.ts";
import { always, type Check } from "./check.ts";
import {
  nearest,
  requireCapability,
  requireDirectory,
  requireWritable,
} from "./privileges.ts";

/** _IOR('R', 0x00, int), linux/random.h, random(4): how many bits there are. */
const RNDGETENTCNT = 0x80045200n;
/** struct inet_diag_sockid: ports, addresses, interface, cookie. */
const NO_SOCKET = { family: AF_INET, bytes: new Uint8Array(48) };

const DROP = "/proc/sys/vm/drop_caches";
const COMPACT = "/proc/sys/vm/compact_memory";
const AS_ROOT = "run the agent as root";

/** What the kernel allows, in the order of prepare and recovery. */
export const kernelChecks: readonly Check[] = [
  {
    name: "c-library",
    needed: always,
    look({ libc }) {
      if (libc.errno === undefined) {
        throw new Error("the C library could not be loaded");
      }
      requireSymbol(libc.ioctl, "ioctl");
      return "loaded";
    },
    skipped: "all that is a system call: nearly everything",
    remedy:
      "libc.so.6 of glibc, or libc.musl-*.so.1 of musl, in the guest's library path",
  },
  {
    name: "freezer",
    needed: (config) => config.workloadCgroup.length > 0,
    look: ({ config }) => findFreezer(config.workloadCgroup),
    skipped: "a workload that stands still (--workload-cgroup)",
    remedy:
      "mount cgroup v2 (mount -t cgroup2 none /sys/fs/cgroup) and name a cgroup without the agent in it",
  },
  {
    name: "freeze-mounts",
    needed: (config) => config.freezeMounts.length > 0,
    look({ config, libc }) {
      requireCapability("CAP_SYS_ADMIN");
      requireSymbol(libc.ioctl, "ioctl");
      const { freezeMounts, freezeForce, runtimeDirectory } = config;
      if (freezeMounts.length === 0) return "possible, no mount is named";
      const needed = freezeForce ? [] : neededPaths(nearest(runtimeDirectory));
      const mounts = readMounts();
      const paths = pathsToResolve(freezeMounts, needed, mounts);
      const realPaths = new Map(paths.map((path) => [path, realPath(path)]));
      return mountsToFreeze(freezeMounts, needed, realPaths, mounts)
        .map(({ mountPoint }) => mountPoint).join(", ");
    },
    skipped: "filesystems that take no writes (--freeze-mounts)",
    remedy: `${AS_ROOT}, and name mount points that the agent does not write`,
  },
  {
    name: "page-cache",
    needed: (config) => config.dropCaches !== "off",
    look() {
      requireWritable(DROP);
      return "can be dropped";
    },
    skipped: "a snapshot without the page cache",
    remedy: `${AS_ROOT}, with /proc/sys writable, or --drop-caches=off`,
  },
  {
    name: "compaction",
    needed: (config) => config.compactMemory,
    look() {
      requireWritable(COMPACT);
      return "can be asked for";
    },
    skipped: "free memory in large pieces",
    remedy:
      `${AS_ROOT} on a kernel with CONFIG_COMPACTION, or --no-compact-memory`,
  },
  {
    name: "affinity",
    needed: always,
    look({ libc }) {
      const mask = readMask(libc, process.pid)!;
      const size = BigInt(mask.length);
      // The mask that it has already: this asks for the right alone.
      if (
        requireSymbol(libc.sched_setaffinity, "sched_setaffinity")(
          process.pid,
          size,
          mask,
        ) < 0
      ) {
        throw lastError(libc, "set the CPUs of", "this process");
      }
      const count = mask.reduce((sum, byte) => sum + bitsIn(byte), 0);
      return `threads can be pinned, ${count} CPUs`;
    },
    skipped: "the agent on one CPU while quiesced",
    remedy: "allow sched_setaffinity(2) to the agent (seccomp)",
  },
  {
    name: "kernel-log",
    needed: (config) => config.healthRecovers !== "always",
    look({ libc }) {
      openKernelLog(libc).close();
      return "/dev/kmsg can be read";
    },
    skipped: "the kernel's word that the machine was restored",
    remedy: `${AS_ROOT}, with /dev/kmsg in its /dev`,
  },
  {
    name: "random-pool",
    needed: always,
    look({ libc }) {
      const bits = entropyCount(libc);
      requireCapability("CAP_SYS_ADMIN");
      return `can be given a new key, has ${bits} bits`;
    },
    skipped: "a new key for the random pool, unless VMGenID makes one",
    remedy: `${AS_ROOT}, with CAP_SYS_ADMIN`,
  },
  {
    name: "wall-clock",
    needed: always,
    look({ libc }) {
      requireSymbol(libc.clock_settime, "clock_settime");
      wallClock(libc);
      requireCapability("CAP_SYS_TIME");
      return "can be set";
    },
    skipped: "a clock that is right after the restore",
    remedy: `${AS_ROOT}, with CAP_SYS_TIME`,
  },
  {
    name: "socket-destroy",
    needed: (config) => config.resetConnections,
    look({ libc }) {
      using table = new TcpTable(libc);
      const count = table.list().length;
      requireCapability("CAP_NET_ADMIN");
      const [fate] = table.destroy([NO_SOCKET]);
      if (typeof fate === "object") throw new Error(fate.failed);
      return `connections can be reset, ${count} are there`;
    },
    skipped: "the reset of connections whose peers are gone",
    remedy:
      `${AS_ROOT} on a kernel with CONFIG_INET_DIAG_DESTROY and tcp_diag (modprobe tcp_diag), or --no-reset-connections`,
  },
];

/** Where it is; throws where one of the named cgroups cannot be frozen. */
function findFreezer(names: readonly string[]): string {
  const root = findCgroupRoot();
  if (names.length > 0) {
    const paths = names.map((name) => {
      const path = findCgroup(name, root);
      if (path !== undefined) return path;
      throw new Error(`there is no cgroup ${name} in ${root} now`);
    });
    for (const path of paths) requireWritable(join(path, "cgroup.freeze"));
    return paths.join(", ");
  }
  // cgroup.freeze came with Linux 5.2, and the root itself has none.
  const made = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory());
  const freezes = made.some(({ name }) =>
    existsSync(join(root, name, "cgroup.freeze"))
  );
  if (made.length > 0 && !freezes) {
    throw new Error(`the cgroups in ${root} cannot be frozen`);
  }
  requireDirectory(root);
  return `${root}, no cgroup is named`;
}

function entropyCount(libc: Libc): number {
  const count = new Int32Array(1);
  const pool = openSync("/dev/urandom", "r");
  try {
    const bytes = new Uint8Array(count.buffer);
    if (requireSymbol(libc.ioctl, "ioctl")(pool, RNDGETENTCNT, bytes) < 0) {
      throw lastError(libc, "ask", "the random pool");
    }
  } finally {
    closeSync(pool);
  }
  return count[0];
}

function bitsIn(byte: number): number {
  let count = 0;
  for (let rest = byte; rest > 0; rest &= rest - 1) count++;
  return count;
}
