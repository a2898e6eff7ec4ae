/**
 * Steps: nobody stays connected but those who wait for a reply; they go with it.
 * @module
 */
import type { RecoveryContext, Step } from "../lifecycle/step.ts";
import type { ConnectionTracker } from "../connections/tracker.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";
import type { Sweeper } from "../connections/sweeper.ts";

/** Closes and records at prepare, closes the recorded ones at recovery. */
export function connectionsStep(
  tracker: Pick<ConnectionTracker, "quiesce" | "recover">,
  sweeper: Pick<Sweeper, "start" | "stop">,
  queue: Pick<DeferredQueue, "defer">,
): Step {
  return {
    async quiesce({ dryRun }) {
      const undo = ({ held }: Pick<RecoveryContext, "held">) => {
        queue.defer(() => sweeper.start());
        // Callers of a prepare that is undone still wait for their replies.
        return tracker.recover(held ? "close" : "keep");
      };
      sweeper.stop();
      try {
        const effect = dryRun
          ? { closed: 0, recorded: 0 }
          : await tracker.quiesce();
        return { effect, undo };
      } catch (error) {
        undo({ held: false });
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
  tracker: Pick<ConnectionTracker, "closeLate">,
): Step {
  return {
    async quiesce({ signal }) {
      return { effect: { closed: await tracker.closeLate(signal) } };
    },
  };
}
