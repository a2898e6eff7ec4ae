/**
 * The CPUs that a thread may use, as the kernel has them: sched_setaffinity(2).
 * @module
 */
import { existsSync } from "node:fs";
import { failed, type Libc, need } from "./libc.ts";

/** Room for 8192 CPUs, the most that Linux can be built for. */
const MASK_BYTES = 1024;
const SIZE = BigInt(MASK_BYTES);

/** The CPUs that a thread may use; undefined if it has ended. */
export function readMask(libc: Libc, thread: number): Uint8Array | undefined {
  const mask = new Uint8Array(MASK_BYTES);
  if (
    need(libc.sched_getaffinity, "sched_getaffinity")(thread, SIZE, mask) !== -1
  ) return mask;
  const error = failed(libc, "read the CPUs of", `thread ${thread}`);
  if (!isAlive(thread)) return undefined;
  throw error;
}

/** Sets them; false if the thread has ended. */
export function writeMask(
  libc: Libc,
  thread: number,
  mask: Uint8Array,
): boolean {
  if (
    need(libc.sched_setaffinity, "sched_setaffinity")(thread, SIZE, mask) !== -1
  ) return true;
  const error = failed(libc, "set the CPUs of", `thread ${thread}`);
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
