/**
 * Step: writes all dirty data to the disk, so that the disk is consistent even if it is used without
 * the memory.
 * @module
 */
import { type Effect, type Step, WITHOUT_LIBC } from "../lifecycle/step.ts";

/** `sync` resolves when all filesystems are synced; it is undefined if there is no C library. */
export function filesystemStep(
  sync: ((signal: AbortSignal) => Promise<Effect>) | undefined,
): Step {
  return {
    async quiesce({ signal }) {
      if (sync === undefined) return WITHOUT_LIBC;
      return { effect: await sync(signal) };
    },
  };
}
