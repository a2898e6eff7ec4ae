/**
 * The agent on one CPU: sched_setaffinity(2) over every thread of this process.
 * Threads that are born meanwhile inherit the mask of the one that bore them.
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

/** What `restore` did: how many threads have their mask back. */
export interface Unpinned {
  readonly threads: number;
  readonly failed: readonly FailedThread[];
}

/** A process on one CPU. */
export interface Pinned {
  readonly cpu: number;
  /** How many threads were pinned. */
  readonly threads: number;
  /**
   * Gives every thread its former mask, exactly; threads born meanwhile get the
   * main thread's. A thread that has ended is no error.
   */
  restore(): Unpinned;
}

/**
 * Pins every thread of this process to the last CPU that its main thread may
 * use: interrupts and the kernel's own work are usually on the first ones, and
 * after a restore the first reply waits for what shares its CPU. Fails where one
 * cannot be pinned, with the others as they were, and while the masks that the
 * threads have may not be their own.
 */
export function pinThreads(libc: Libc): Pinned {
  const failed = giveOwedMasksBack(libc);
  if (failed.length > 0) {
    throw new Error(
      `Cannot pin threads: ${failed.length} of them did not get their CPUs ` +
        `back before: ${failed[0].error}`,
    );
  }
  const release = ownMasks("another pinning");
  try {
    const main = readMask(libc, process.pid);
    if (main === undefined) {
      throw new Error("Cannot pin threads: the main thread has ended");
    }
    const cpu = lastCpu(main);
    const former = { masks: new Map<number, Uint8Array>(), main };
    try {
      pin(libc, former.masks, maskOf(cpu));
    } catch (error) {
      restore(libc, former);
      throw error;
    }
    let unpinned: Unpinned | undefined;
    return {
      cpu,
      threads: former.masks.size,
      restore() {
        unpinned ??= restore(libc, former);
        release();
        return unpinned;
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

interface Former {
  /** The own masks of the threads that were pinned. */
  readonly masks: ReadonlyMap<number, Uint8Array>;
  /** The main thread's. */
  readonly main: Uint8Array;
}

/** Pins all threads; saves the mask of each that is its own. */
function pin(
  libc: Libc,
  masks: Map<number, Uint8Array>,
  target: Uint8Array,
): void {
  forEachThread((thread, isNew) => {
    const mask = readMask(libc, thread);
    if (mask === undefined) return;
    // One that was born meanwhile may have it from a thread that is pinned.
    if (isNew && isSame(mask, target)) return;
    masks.set(thread, mask);
    writeMask(libc, thread, target);
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
  forEachThread((thread) => {
    if (!masks.has(thread)) give(thread, main);
  });
  return { threads, failed: failures };
}

/**
 * Visits each thread once, those too that appear on the way; they are new, unless
 * they were there before the first visit.
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
