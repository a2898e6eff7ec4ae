/**
 * Step of the settle: removes the agent's own clean pages from memory and zeroes free memory. A
 * snapshot stores no pages of zeros.
 * @module
 */
import { type Step, WITHOUT_LIBC } from "../lifecycle/step.ts";
import type { Libc } from "../linux/libc.ts";
import { canPageOut } from "../memory/working_set.ts";
import { MemoryZeroer } from "../memory/zero.ts";
import { residentBytes } from "../memory/info.ts";

/** Milliseconds that the zeroing of free memory may take. */
const ZERO_MS = 6000;
/** Milliseconds that the zeroing of the memory of the program may take, after it was paged out. */
const ZERO_AFTER_MS = 2000;

interface ZeroOptions {
  /** Removes the agent's own program from memory; undefined if the program stays there. */
  readonly pageOut?: () => void;
  /** Undoes `pageOut`, at the recovery. */
  readonly undo?: () => void;
  /** Called at the end of the step. */
  readonly prefaultHeap?: (libc: Libc) => void;
  /** Bytes of free memory that may be zeroed; 0 switches it off. */
  readonly zeroBytes: number;
}

/**
 * Runs after the collection, to zero its memory too. The program is removed last, because each part
 * of it that runs later is read from the disk again.
 */
export function zeroStep(libc: Libc, options: ZeroOptions): Step {
  const zeroer = new MemoryZeroer(libc);
  return {
    async quiesce({ signal }) {
      const { pageOut, undo, prefaultHeap, zeroBytes } = options;
      if (pageOut === undefined && zeroBytes === 0) {
        return { skipped: "paging out and zeroing are switched off" };
      }
      if (zeroer.missing !== undefined || !canPageOut(libc)) {
        return WITHOUT_LIBC;
      }
      try {
        const zeroed = await zeroer.zero(zeroBytes, ZERO_MS, signal);
        if (pageOut === undefined || signal.aborted) {
          prefaultHeap?.(libc);
          return { effect: { zeroed } };
        }
        const residentBefore = residentBytes();
        pageOut();
        const residentAfter = residentBytes();
        // The kernel reuses the memory that held the program first: zeroes that, too.
        const most = Math.min(zeroBytes, residentBefore - residentAfter);
        const zeroedAfter = await zeroer.zero(most, ZERO_AFTER_MS, signal);
        prefaultHeap?.(libc);
        return {
          effect: { zeroed, residentBefore, residentAfter, zeroedAfter },
          undo,
        };
      } catch (error) {
        undo?.();
        throw error;
      }
    },
  };
}
