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

/** What the step does. */
export interface ReleaseOptions {
  /** Whether the agent's own program goes out of memory. */
  readonly pageOut: boolean;
  /** Bytes of free memory that may be zeroed; 0 switches it off. */
  readonly zeroBytes: number;
}

/** Comes after the collection, whose memory it zeroes too. */
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
        const residentBefore = residentBytes();
        if (pageOut) pageOutFiles(libc);
        const residentAfter = residentBytes();
        const zeroed = await zeroer.zero(zeroBytes, LIMIT_MS / 2, signal);
        return {
          effect: { residentBefore, residentAfter, zeroed },
          ...(pageOut && { undo }),
        };
      } catch (error) {
        if (pageOut) undo();
        throw error;
      }
    },
  };
}
