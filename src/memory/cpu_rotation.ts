/**
 * The main thread on one CPU after the other.
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
 * Takes the main thread from CPU to CPU, of those that it may use: what the
 * kernel keeps for each of them is within the reach of that one alone.
 */
export class CpuRotation {
  readonly #libc: Libc;
  readonly #home: Uint8Array | undefined;
  readonly #stops: readonly Uint8Array[];
  #at = 0;
  #release = () => {};

  /**
   * Stays where there is one CPU only, without a C library, and while the mask of
   * the main thread may not be its own.
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

  /** On to the next CPU; after the last comes the first. */
  next(): void {
    if (this.#stops.length === 0) return;
    this.#moveTo(this.#stops[this.#at++ % this.#stops.length]);
  }

  /** All the former CPUs again. */
  end(): void {
    try {
      if (this.#stops.length > 0) {
        giveMaskBack(this.#libc, process.pid, this.#home!);
      }
    } finally {
      this.#release();
    }
  }

  #moveTo(mask: Uint8Array): void {
    writeMask(this.#libc, process.pid, mask);
  }
}

/** Without a trace in memory: what a settle leaves behind is in the snapshot. */
function cpusOf(mask: Uint8Array): number[] {
  const cpus: number[] = [];
  for (let cpu = lastCpu(mask); cpu >= 0; cpu--) {
    if (mask[cpu >> 3] & 1 << (cpu & 7)) cpus.push(cpu);
  }
  return cpus;
}
