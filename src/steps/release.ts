/**
 * Step of the settle: the agent's own clean pages are out of memory, and free
 * memory is zeros, which a snapshot does not carry.
 * @module
 */
import type { Step } from "../lifecycle/step.ts";
import type { Libc } from "../linux/libc.ts";
import {
  canPageOut,
  pageOutFiles,
  readAhead,
} from "../linux/memory_page_out.ts";
import { MemoryZeroer } from "../linux/memory_zero.ts";
import { residentBytes } from "../memory/resident.ts";

const LIMIT_MS = 10_000;
const ZERO_MS = 6000;
const ZERO_AFTER_MS = 2000;

/** What the step does. */
export interface ReleaseOptions {
  /** Whether the agent's own program goes out of memory. */
  readonly pageOut: boolean;
  /** Bytes of free memory that may be zeroed; 0 switches it off. */
  readonly zeroBytes: number;
}

/**
 * Comes after the collection, whose memory it zeroes too. The program goes out
 * last: whatever runs after that comes back from the disk.
 */
export function releaseStep(libc: Libc, options: ReleaseOptions): Step {
  const zeroer = new MemoryZeroer(libc);
  return {
    name: "release",
    limitMs: LIMIT_MS,
    onFailure: "continue",
    async quiesce({ signal }) {
      const { pageOut, zeroBytes } = options;
      if (!pageOut && zeroBytes === 0) {
        return { skipped: "paging out and zeroing are switched off" };
      }
      if (zeroer.missing !== undefined || !canPageOut(libc)) {
        return { skipped: "the C library could not be loaded" };
      }
      const undo = () => readAhead(libc);
      try {
        const zeroed = await zeroer.zero(zeroBytes, ZERO_MS, signal);
        if (!pageOut || signal.aborted) return { effect: { zeroed } };
        const residentBefore = residentBytes();
        pageOutFiles(libc);
        const residentAfter = residentBytes();
        // What was the program a moment ago is what the kernel hands out next.
        const most = Math.min(zeroBytes, residentBefore - residentAfter);
        const zeroedAfter = await zeroer.zero(most, ZERO_AFTER_MS, signal);
        return {
          effect: { zeroed, residentBefore, residentAfter, zeroedAfter },
          undo,
        };
      } catch (error) {
        if (pageOut) undo();
        throw error;
      }
    },
  };
}
