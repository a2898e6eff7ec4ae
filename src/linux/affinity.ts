/**
 * Pins every thread of this process to one CPU: sched_setaffinity(2). A thread that starts
 * meanwhile inherits the mask of the thread that started it.
 * @module
 */
import { readdirSync } from "node:fs";
import process from "node:process";
import { messageOf } from "../util/errors.ts";
import {
  type FailedThread,
  giveMaskBack,
  giveOwedMasksBack,
  lastCpu,
  maskOf,
  ownMasks,
  readMask,
  writeMask,
} from "./cpu_mask.ts";
import type { Libc } from "./libc.ts";

/** The result of `restore`. */
export interface Unpinned {
  /** The number of threads that have their own mask again. */
  readonly threads: number;
  readonly failed: readonly FailedThread[];
}

/** A process whose threads are pinned to one CPU. */
export interface Pinned {
  readonly cpu: number;
  /** The number of threads that were pinned. */
  readonly threads: number;
  /**
   * Gives every thread exactly its former mask. A thread that started meanwhile gets the mask of
   * the main thread. A thread that has ended is no error.
   */
  restore(): Unpinned;
}

/**
 * Pins every thread of this process to the last CPU that its main thread may use. Interrupts and
 * the kernel's own work usually run on the first CPUs, and would delay the first reply after a
 * restore. If a thread cannot be pinned, the others get their masks back and the call throws. It
 * also throws if a thread may have a mask that is not its own (see cpu_mask.ts). A dry run makes the
 * same calls, but sets each thread the mask that it has.
 */
export function pinThreads(libc: Libc, dryRun = false): Pinned {
  const failed = giveOwedMasksBack(libc);
  if (failed.length > 0) {
    throw new Error(
      `Cannot pin threads: ${failed.length} of them did not get their CPUs ` +
        `back before: ${failed[0].error}`,
    );
  }
  const main = readMask(libc, process.pid)!;
  const cpu = lastCpu(main);
  const former = { masks: new Map<number, Uint8Array>(), main };
  const release = ownMasks("another pinning");
  try {
    pin(libc, former.masks, maskOf(cpu), dryRun);
  } catch (error) {
    restore(libc, former);
    release();
    throw error;
  }
  let unpinned: Unpinned | undefined;
  return {
    cpu,
    threads: former.masks.size,
    restore() {
      try {
        return unpinned ??= restore(libc, former);
      } finally {
        release();
      }
    },
  };
}

interface Former {
  /** The former masks of the pinned threads. */
  readonly masks: ReadonlyMap<number, Uint8Array>;
  /** The former mask of the main thread. */
  readonly main: Uint8Array;
}

/** Pins all threads. Saves each mask that is the own mask of its thread. */
function pin(
  libc: Libc,
  masks: Map<number, Uint8Array>,
  target: Uint8Array,
  dryRun: boolean,
): void {
  forEachThread((thread, isNew) => {
    const mask = readMask(libc, thread);
    if (mask === undefined) return;
    // A thread that started meanwhile may have inherited the mask of a pinned thread.
    if (isNew && isSame(mask, target)) return;
    masks.set(thread, mask);
    writeMask(libc, thread, dryRun ? mask : target);
  });
}

function restore(libc: Libc, { masks, main }: Former): Unpinned {
  const failures: FailedThread[] = [];
  let threads = 0;
  const give = (thread: number, mask: Uint8Array) => {
    try {
      if (giveMaskBack(libc, thread, mask)) threads++;
    } catch (error) {
      failures.push({ thread, error: messageOf(error) });
    }
  };
  masks.forEach((mask, thread) => give(thread, mask));
  // A thread that starts from here on inherits a mask that was given back.
  try {
    forEachThread((thread) => {
      if (!masks.has(thread)) give(thread, main);
    });
  } catch (error) {
    // Without a free descriptor, the threads cannot be listed.
    failures.push({ thread: process.pid, error: messageOf(error) });
  }
  return { threads, failed: failures };
}

/**
 * Visits each thread once, including threads that start during the visits: `isNew` is true for a
 * thread that was not there before the first visit.
 */
function forEachThread(visit: (thread: number, isNew: boolean) => void): void {
  const seen = new Set<number>();
  for (let before = -1; seen.size > before;) {
    const isNew = before !== -1;
    before = seen.size;
    for (const name of readdirSync("/proc/self/task")) {
      const thread = Number(name);
      if (seen.has(thread)) continue;
      seen.add(thread);
      visit(thread, isNew);
    }
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.every((byte, i) => byte === other[i]);
}
