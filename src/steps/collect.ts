/**
 * Step: collects the agent's garbage and returns the memory to the kernel.
 * @module
 */
import type { Step } from "../lifecycle/step.ts";
import type { IdleCollector } from "../memory/idle_collector.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";
import { residentBytes } from "../memory/info.ts";
import type { Runtime } from "../runtime/types.ts";

/**
 * The undo does not collect: a collection would delay the reply to the health check. The idle
 * collector removes the garbage of the recovery soon after.
 */
export function collectStep(
  collect: Runtime["collect"],
  idle: Pick<IdleCollector, "rest" | "resume">,
  queue: Pick<DeferredQueue, "defer">,
): Step {
  return {
    async quiesce({ signal }) {
      const undo = () => queue.defer(() => idle.resume());
      idle.rest();
      try {
        const before = residentBytes();
        const whole = await collect(signal);
        const after = residentBytes();
        return {
          effect: { whole, residentBefore: before, residentAfter: after },
          undo,
        };
      } catch (error) {
        undo();
        throw error;
      }
    },
  };
}
