/**
 * Moves the main thread from CPU to CPU.
 * @module
 */
import process from "node:process";
import {
  giveMaskBack,
  giveOwedMasksBack,
  lastCpu,
  maskOf,
  maskOwner,
  ownMasks,
  readMask,
  writeMask,
} from "../linux/cpu_mask.ts";
import type { Libc } from "../linux/libc.ts";

/**
 * Moves the main thread to one after the other of the CPUs that it may use. The kernel keeps a list
 * of free pages for each CPU, and only a thread on that CPU gets pages of that list.
 */
export class CpuRotation {
  readonly #libc: Libc;
  readonly #home: Uint8Array | undefined;
  readonly #stops: readonly Uint8Array[];
  #at = 0;
  #release = () => {};

  /**
   * Does not move the thread if there is only one CPU, if there is no C library, or if the mask
   * of the thread may not be its own (see linux/cpu_mask.ts).
   */
  constructor(libc: Libc) {
    this.#libc = libc;
    const mayMove = libc.sched_setaffinity !== undefined &&
      maskOwner() === undefined && giveOwedMasksBack(libc).length === 0;
    this.#home = mayMove ? readMask(libc, process.pid) : undefined;
    const cpus = this.#home === undefined ? [] : cpusOf(this.#home);
    this.#stops = cpus.length > 1 ? cpus.map(maskOf) : [];
    if (this.#stops.length > 0) this.#release = ownMasks("zeroing memory");
  }

  /** The number of CPUs; 1 if the thread does not move. */
  get count(): number {
    return Math.max(1, this.#stops.length);
  }

  /** Moves to the next CPU; after the last one to the first. */
  next(): void {
    if (this.#stops.length === 0) return;
    const mask = this.#stops[this.#at++ % this.#stops.length];
    writeMask(this.#libc, process.pid, mask);
  }

  /** Gives the thread its former mask back. */
  end(): void {
    try {
      if (this.#stops.length > 0) {
        giveMaskBack(this.#libc, process.pid, this.#home!);
      }
    } finally {
      this.#release();
    }
  }
}

/** Returns the numbers of the CPUs of a mask, the last one first. */
function cpusOf(mask: Uint8Array): number[] {
  const cpus: number[] = [];
  for (let cpu = lastCpu(mask); cpu >= 0; cpu--) {
    if (mask[cpu >> 3] & 1 << (cpu & 7)) cpus.push(cpu);
  }
  return cpus;
}
