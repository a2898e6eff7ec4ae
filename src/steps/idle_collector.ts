/**
 * Step: stops the idle collector, so that no collection begins by itself while the guest is
 * quiesced.
 * @module
 */
import type { Step } from "../lifecycle/step.ts";
import type { IdleCollector } from "../memory/idle_collector.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";

/** The undo starts it again, after the reply of the recovery. */
export function idleCollectorStep(
  idle: Pick<IdleCollector, "pause" | "resume">,
  queue: Pick<DeferredQueue, "defer">,
): Step {
  return {
    quiesce({ kind }) {
      idle.pause();
      // The step after this one, which collects, is in this kind only.
      const wasCollected = kind === "full";
      const undo = () => queue.defer(() => idle.resume(wasCollected));
      return { effect: {}, undo };
    },
  };
}
