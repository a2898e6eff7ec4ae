/**
 * Steps: nobody stays connected but those who wait for a reply; they go with it.
 * @module
 */
import type { Step } from "../lifecycle/step.ts";
import type { ConnectionKeeper } from "../server/keeper.ts";
import type { Sweeper } from "../server/sweeper.ts";

const LIMIT_MS = 5000;

/** Closes and records at prepare, closes the recorded ones at recovery. */
export function connectionsStep(
  keeper: Pick<ConnectionKeeper, "quiesce" | "recover">,
  sweeper: Pick<Sweeper, "start" | "stop">,
): Step {
  return {
    name: "connections",
    limitMs: LIMIT_MS,
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

/**
 * In the settle: closes those whose request might still have come when the
 * others were closed. Before the collection, which takes what they leave.
 */
export function lateConnectionsStep(
  keeper: Pick<ConnectionKeeper, "closeLate">,
): Step {
  return {
    name: "late-connections",
    limitMs: LIMIT_MS,
    onFailure: "continue",
    async quiesce({ signal }) {
      return { effect: { closed: await keeper.closeLate(signal) } };
    },
  };
}
