/**
 * The mask of a thread: the CPUs that the thread may use, sched_setaffinity(2).
 * @module
 */
import { existsSync } from "node:fs";
import { messageOf } from "../util/errors.ts";
import { lastError, type Libc, requireSymbol } from "./libc.ts";

/** The bytes of a mask of 8192 CPUs, the largest number that Linux can be built for. */
const MASK_BYTES = 1024;
const SIZE = BigInt(MASK_BYTES);

/** The name of the part of the agent that changes the masks of this process's threads now. */
let owner: string | undefined;

/** The name of the part of the agent that changes masks now; undefined if there is none. */
export function maskOwner(): string | undefined {
  return owner;
}

/**
 * Must be called before the first mask is changed. Returns the function to call after all masks are
 * as before. A mask that another part of the agent reads in between is not the own mask of its
 * thread: giving it back later would leave the thread on one CPU for ever. Throws if another part
 * owns the masks; `name` is the name of the caller in that error.
 */
export function ownMasks(name: string): () => void {
  if (owner !== undefined) {
    throw new Error(`Cannot change the CPUs of threads: ${owner} changes them`);
  }
  owner = name;
  let owns = true;
  return () => {
    if (owns) owner = undefined;
    owns = false;
  };
}

/** Reads the mask of a thread; undefined if the thread has ended. */
export function readMask(libc: Libc, thread: number): Uint8Array | undefined {
  const mask = new Uint8Array(MASK_BYTES);
  const getMask = requireSymbol(libc, "sched_getaffinity");
  if (getMask(thread, SIZE, mask) !== -1) return mask;
  const error = lastError(libc, "read the CPUs of", `thread ${thread}`);
  if (!isAlive(thread)) return undefined;
  throw error;
}

/** The masks that could not be given back to their threads yet, by thread id. */
const owed = new Map<number, Uint8Array>();

/** A thread whose mask could not be given back, and the reason. */
export interface FailedThread {
  readonly thread: number;
  readonly error: string;
}

/**
 * Gives a thread its own mask back; false if the thread has ended. If that fails, the mask is owed:
 * until {@linkcode giveOwedMasksBack} succeeds, the thread has a mask that is not its own.
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

/** Tries again to give back the owed masks. Returns the threads for which that still fails. */
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

/** Sets the mask of a thread; false if the thread has ended. */
export function writeMask(
  libc: Libc,
  thread: number,
  mask: Uint8Array,
): boolean {
  const setMask = requireSymbol(libc, "sched_setaffinity");
  if (setMask(thread, SIZE, mask) !== -1) return true;
  const error = lastError(libc, "set the CPUs of", `thread ${thread}`);
  if (!isAlive(thread)) return false;
  throw error;
}

function isAlive(thread: number): boolean {
  return existsSync(`/proc/self/task/${thread}`);
}

/**
 * Returns the number of the last CPU of a mask. CPU n is bit n % 8 of byte n / 8 on little-endian
 * machines (CPU_SET(3)).
 */
export function lastCpu(mask: Uint8Array): number {
  const byte = mask.findLastIndex((bits) => bits !== 0);
  if (byte === -1) throw new Error("Cannot pin threads: the mask is empty");
  return byte * 8 + 31 - Math.clz32(mask[byte]);
}

/** Returns the mask of one CPU. */
export function maskOf(cpu: number): Uint8Array {
  const mask = new Uint8Array(MASK_BYTES);
  mask[cpu >> 3] = 1 << (cpu & 7);
  return mask;
}
