/**
 * Step: drops the kernel's caches and compacts free memory.
 * @module
 */
import type { Effect, Step } from "../lifecycle/step.ts";
import { compactMemory, dropCaches, withoutCaches } from "../memory/caches.ts";
import { memoryInfo } from "../memory/info.ts";

/** What the step does; the names are those of the configuration. */
interface MemoryOptions {
  readonly dropCaches: "off" | "pagecache" | "all";
  readonly compactMemory: boolean;
}

/** The operations of the step; tests replace them. */
export type MemoryTools = typeof KERNEL;

const KERNEL = {
  without: withoutCaches,
  drop: dropCaches,
  compact: compactMemory,
  info: memoryInfo,
};

/**
 * Runs after the filesystem step, because the kernel drops only pages that are written to the disk.
 * There is no undo: a command that the kernel has begun ends by itself.
 */
export function memoryStep(
  options: MemoryOptions,
  tools: MemoryTools = KERNEL,
): Step {
  return {
    async quiesce({ signal }) {
      if (options.dropCaches === "off" && !options.compactMemory) {
        return { skipped: "caches and compaction are switched off" };
      }
      const why = tools.without();
      if (why !== undefined) return { skipped: why };
      const before = tools.info();
      if (options.dropCaches !== "off") {
        await tools.drop(options.dropCaches, signal);
      }
      if (options.compactMemory && !signal.aborted) {
        await tools.compact(signal);
      }
      const after = tools.info();
      const effect: Effect = {
        freeBefore: before.free,
        freeAfter: after.free,
        cachedBefore: before.cached,
        cachedAfter: after.cached,
      };
      return { effect };
    },
  };
}
