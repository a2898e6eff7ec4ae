/**
 * Step: what was written is on the disk, so that the disk is whole even when it
 * is used without the memory.
 * @module
 */
import type { Effect, Step } from "../lifecycle/step.ts";

/** `sync` resolves when every filesystem was synced. */
export function filesystemStep(
  sync: (signal: AbortSignal) => Promise<Effect>,
): Step {
  return {
    name: "filesystem",
    limitMs: 10_000,
    onFailure: "continue",
    async quiesce({ signal }) {
      return { effect: await sync(signal) };
    },
  };
}
