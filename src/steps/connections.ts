/**
 * Step: nobody stays connected but those who wait for a reply; they go with it.
 * @module
 */
import type { Step } from "../lifecycle/step.ts";
import type { ConnectionKeeper } from "../server/keeper.ts";
import type { Sweeper } from "../server/sweeper.ts";

/** Closes and records at prepare, closes the recorded ones at recovery. */
export function connectionsStep(
  keeper: Pick<ConnectionKeeper, "quiesce" | "recover">,
  sweeper: Pick<Sweeper, "start" | "stop">,
): Step {
  return {
    name: "connections",
    limitMs: 5000,
    onFailure: "continue",
    async quiesce() {
      const undo = () => {
        sweeper.start();
        return keeper.recover();
      };
      sweeper.stop();
      try {
        return { effect: await keeper.quiesce(), undo };
      } catch (error) {
        undo();
        throw error;
      }
    },
  };
}
