/**
 * Step: what was written is on the disk, so that the disk is whole even when it
 * is used without the memory.
 * @module
 */
import type { Effect, Step } from "../lifecycle/step.ts";

/**
 * `sync` resolves when every filesystem was synced; undefined where there is no
 * C library to do it.
 */
export function filesystemStep(
  sync: ((signal: AbortSignal) => Promise<Effect>) | undefined,
): Step {
  return {
    async quiesce({ signal }) {
      if (sync === undefined) {
        return { skipped: "the C library could not be loaded" };
      }
      return { effect: await sync(signal) };
    },
  };
}
