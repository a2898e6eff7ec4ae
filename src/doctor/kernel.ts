/**
 * Checks of the kernel, and of the privileges that this process has.
 * @module
 */
import { closeSync, openSync } from "node:fs";
import process from "node:process";
import { readMask } from "../linux/cpu_mask.ts";
import { wallClock } from "../linux/clock.ts";
import { openKernelLog } from "../linux/kmsg.ts";
import { lastError, type Libc, requireSymbol } from "../linux/libc.ts";
import { TcpTable } from "../linux/sock_diag.ts";
import { AF_INET } from "../linux/socket_constants.ts";
import { always, type Check } from "./check.ts";
import { freezeChecks } from "./freeze.ts";
import { AS_ROOT, requireCapability, requireWritable } from "./privileges.ts";

/** _IOR('R', 0x00, int), linux/random.h: returns the entropy count in bits, random(4). */
const RNDGETENTCNT = 0x80045200n;
/**
 * struct inet_diag_sockid (ports, addresses, interface, cookie) of no socket: all
 * bytes are zero.
 */
const NO_SOCKET = { family: AF_INET, bytes: new Uint8Array(48) };

const DROP = "/proc/sys/vm/drop_caches";
const COMPACT = "/proc/sys/vm/compact_memory";

/** The checks of the kernel, in the order of prepare and recovery. */
export const kernelChecks: readonly Check[] = [
  {
    name: "c-library",
    needed: always,
    look({ libc }) {
      if (libc.errno === undefined) {
        throw new Error("Cannot load the C library");
      }
      requireSymbol(libc, "ioctl");
      return "loaded";
    },
    skipped: "every step and repair that needs a system call",
    remedy:
      "install libc.so.6 of glibc or libc.musl-*.so.1 of musl in the guest's library path",
  },
  ...freezeChecks,
  {
    name: "page-cache",
    needed: (config) => config.dropCaches !== "off",
    look() {
      requireWritable(DROP);
      return "the page cache can be dropped";
    },
    skipped: "dropping the page cache, which makes the snapshot smaller",
    remedy: `${AS_ROOT} with a writable /proc/sys, or use --drop-caches=off`,
  },
  {
    name: "compaction",
    needed: (config) => config.compactMemory,
    look() {
      requireWritable(COMPACT);
      return "memory can be compacted";
    },
    skipped: "compacting memory",
    remedy:
      `${AS_ROOT} on a kernel with CONFIG_COMPACTION, or use --no-compact-memory`,
  },
  {
    name: "page-frames",
    needed: (config) => config.publishWorkingSet,
    look() {
      // proc_pid_pagemap(5): without it, all frames are 0.
      requireCapability("CAP_SYS_ADMIN");
      return "the agent can see which memory it uses";
    },
    skipped: "publishing the working set (--publish-working-set)",
    remedy: `${AS_ROOT} with CAP_SYS_ADMIN`,
  },
  {
    name: "affinity",
    needed: always,
    look({ libc }) {
      const mask = readMask(libc, process.pid)!;
      const size = BigInt(mask.length);
      // Sets the current mask again: this tests the permission and changes nothing.
      if (
        requireSymbol(libc, "sched_setaffinity")(
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
    skipped: "moving the agent's threads onto one CPU while quiesced",
    remedy: "allow the agent to call sched_setaffinity(2) (seccomp)",
  },
  {
    name: "kernel-log",
    needed: (config) => config.healthRecovers !== "always",
    look({ libc }) {
      openKernelLog(libc).close();
      return "/dev/kmsg is readable";
    },
    skipped: "the kernel's VM-fork message as evidence of a restore",
    remedy: `${AS_ROOT} with a device /dev/kmsg`,
  },
  {
    name: "random-pool",
    needed: always,
    look({ libc }) {
      const bits = entropyCount(libc);
      requireCapability("CAP_SYS_ADMIN");
      return `can be reseeded, has ${bits} bits`;
    },
    skipped: "reseeding the random pool, unless VMGenID reseeds it",
    remedy: `${AS_ROOT} with CAP_SYS_ADMIN`,
  },
  {
    name: "wall-clock",
    needed: always,
    look({ libc }) {
      requireSymbol(libc, "clock_settime");
      wallClock(libc);
      requireCapability("CAP_SYS_TIME");
      return "the wall clock can be set";
    },
    skipped: "setting the wall clock after a restore",
    remedy: `${AS_ROOT} with CAP_SYS_TIME`,
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
      return `connections can be reset, ${count} exist`;
    },
    skipped: "resetting connections whose peers are gone after a restore",
    remedy:
      `${AS_ROOT} on a kernel with CONFIG_INET_DIAG_DESTROY and tcp_diag (modprobe tcp_diag), or use --no-reset-connections`,
  },
];

function entropyCount(libc: Libc): number {
  const count = new Int32Array(1);
  const pool = openSync("/dev/urandom", "r");
  try {
    const bytes = new Uint8Array(count.buffer);
    if (requireSymbol(libc, "ioctl")(pool, RNDGETENTCNT, bytes) < 0) {
      throw lastError(libc, "read the entropy count of", "the random pool");
    }
  } finally {
    closeSync(pool);
  }
  return count[0];
}

function bitsIn(byte: number): number {
  let count = 0;
  for (let left = byte; left > 0; left &= left - 1) count++;
  return count;
}
