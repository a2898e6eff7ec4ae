/**
 * Step of the settle: the agent's own clean pages are out of memory, and free
 * memory is zeros, which a snapshot does not carry.
 * @module
 */
import type { Step } from "../lifecycle/step.ts";
import type { Libc } from "../linux/libc.ts";
import { canPageOut } from "../memory/working_set.ts";
import { MemoryZeroer } from "../memory/zero.ts";
import { residentBytes } from "../memory/resident.ts";

const ZERO_MS = 6000;
const ZERO_AFTER_MS = 2000;

/** What the step does. */
export interface ZeroOptions {
  /** Takes the agent's own program out of memory, where it is to go. */
  readonly pageOut?: () => void;
  /** Called at the recovery after that. */
  readonly undo?: () => void;
  /** Called when all else is done; as the runtime has it. */
  readonly prefaultHeap?: (libc: Libc) => void;
  /** Bytes of free memory that may be zeroed; 0 switches it off. */
  readonly zeroBytes: number;
}

/**
 * Comes after the collection, whose memory it zeroes too. The program goes out
 * last: whatever runs after that comes back from the disk.
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
        return { skipped: "the C library could not be loaded" };
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
        // What was the program a moment ago is what the kernel hands out next.
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
