/**
 * Step: collects the agent's garbage and returns the memory to the kernel.
 * @module
 */
import type { Step } from "../lifecycle/step.ts";
import { residentBytes } from "../memory/info.ts";
import type { Runtime } from "../runtime/types.ts";

/**
 * There is no undo: a collection at the recovery would delay the reply to the health check. The
 * idle collector removes the garbage of the recovery soon after.
 */
export function collectStep(collect: Runtime["collect"]): Step {
  return {
    async quiesce({ signal }) {
      const residentBefore = residentBytes();
      const whole = await collect(signal);
      const residentAfter = residentBytes();
      return { effect: { whole, residentBefore, residentAfter } };
    },
  };
}
