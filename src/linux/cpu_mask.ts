/**
 * The CPUs that a thread may use, as the kernel has them: sched_setaffinity(2).
 * @module
 */
import { existsSync } from "node:fs";
import { messageOf } from "../util/errors.ts";
import { lastError, type Libc, requireSymbol } from "./libc.ts";

/** Room for 8192 CPUs, the most that Linux can be built for. */
const MASK_BYTES = 1024;
const SIZE = BigInt(MASK_BYTES);

/** What changes the masks of this process's threads now. */
let owner: string | undefined;

/** What changes the masks of this process's threads now; undefined if nothing. */
export function maskOwner(): string | undefined {
  return owner;
}

/**
 * Must be called before the first mask is changed, and the function that it gives
 * once all masks are as before: a mask that is read meanwhile is not the thread's
 * own, and to give it back later would leave the thread on one CPU for ever.
 * Throws while something else changes masks; `what` is its name in that error.
 */
export function ownMasks(what: string): () => void {
  if (owner !== undefined) {
    throw new Error(`Cannot change the CPUs of threads: ${owner} changes them`);
  }
  owner = what;
  let owns = true;
  return () => {
    if (owns) owner = undefined;
    owns = false;
  };
}

/** The CPUs that a thread may use; undefined if it has ended. */
export function readMask(libc: Libc, thread: number): Uint8Array | undefined {
  const mask = new Uint8Array(MASK_BYTES);
  if (
    requireSymbol(libc.sched_getaffinity, "sched_getaffinity")(
      thread,
      SIZE,
      mask,
    ) !== -1
  ) return mask;
  const error = lastError(libc, "read the CPUs of", `thread ${thread}`);
  if (!isAlive(thread)) return undefined;
  throw error;
}

/** Masks that could not be given back to their threads yet. */
const owed = new Map<number, Uint8Array>();

/** A thread whose mask could not be given back, and why. */
export interface FailedThread {
  readonly thread: number;
  readonly error: string;
}

/**
 * Gives a thread its own CPUs back; false if it has ended. Where that fails, the
 * mask is owed to it, and what the thread has until then is not its own.
 */
export function giveMaskBack(
  libc: Libc,
  thread: number,
  mask: Uint8Array,
): boolean {
  owed.set(thread, mask);
  const alive = writeMask(libc, thread, mask);
  owed.delete(thread);
  return alive;
}

/** Tries once more what is owed; gives what still fails. */
export function giveOwedMasksBack(libc: Libc): FailedThread[] {
  return [...owed].flatMap(([thread, mask]) => {
    try {
      giveMaskBack(libc, thread, mask);
      return [];
    } catch (error) {
      return [{ thread, error: messageOf(error) }];
    }
  });
}

/** Sets the CPUs of a thread; false if it has ended. */
export function writeMask(
  libc: Libc,
  thread: number,
  mask: Uint8Array,
): boolean {
  if (
    requireSymbol(libc.sched_setaffinity, "sched_setaffinity")(
      thread,
      SIZE,
      mask,
    ) !== -1
  ) return true;
  const error = lastError(libc, "set the CPUs of", `thread ${thread}`);
  if (!isAlive(thread)) return false;
  throw error;
}

function isAlive(thread: number): boolean {
  return existsSync(`/proc/self/task/${thread}`);
}

/**
 * The last CPU of a mask: CPU n is bit n % 8 of byte n / 8, on little-endian
 * machines (CPU_SET(3)).
 */
export function lastCpu(mask: Uint8Array): number {
  const byte = mask.findLastIndex((bits) => bits !== 0);
  if (byte === -1) throw new Error("Cannot pin threads: the mask is empty");
  return byte * 8 + 31 - Math.clz32(mask[byte]);
}

/** That CPU alone. */
export function maskOf(cpu: number): Uint8Array {
  const mask = new Uint8Array(MASK_BYTES);
  mask[cpu >> 3] = 1 << (cpu & 7);
  return mask;
}
