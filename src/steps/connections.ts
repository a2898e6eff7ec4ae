/**
 * Steps: nobody stays connected but those who wait for a reply; they go with it.
 * @module
 */
import type { RecoveryContext, Step } from "../lifecycle/step.ts";
import type { ConnectionKeeper } from "../server/keeper.ts";
import type { NextTurn } from "../next_turn.ts";
import type { Sweeper } from "../server/sweeper.ts";

/** What the step needs of the keeper: functions on their own, as for `Ports`. */
export interface Keeping {
  readonly quiesce: () => ReturnType<ConnectionKeeper["quiesce"]>;
  readonly recover: ConnectionKeeper["recover"];
}

/** Closes and records at prepare, closes the recorded ones at recovery. */
export function connectionsStep(
  { quiesce, recover }: Keeping,
  sweeper: Pick<Sweeper, "start" | "stop">,
  later: Pick<NextTurn, "do">,
): Step {
  return {
    async quiesce() {
      const undo = ({ outcome }: Pick<RecoveryContext, "outcome">) => {
        later.do(() => sweeper.start());
        return recover(outcome === "restored" ? "close" : "keep");
      };
      sweeper.stop();
      try {
        return { effect: await quiesce(), undo };
      } catch (error) {
        undo({ outcome: "aborted" });
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
    async quiesce({ signal }) {
      return { effect: { closed: await keeper.closeLate(signal) } };
    },
  };
}
