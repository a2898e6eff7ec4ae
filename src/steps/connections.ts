/**
 * Steps: close the agent's connections. A connection that waits for a reply is closed after its reply.
 * @module
 */
import type { RecoveryContext, Step } from "../lifecycle/step.ts";
import type { ConnectionTracker } from "../connections/tracker.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";
import type { Sweeper } from "../connections/sweeper.ts";

/**
 * At prepare, closes the connections that wait for no reply and records the others; at recovery,
 * closes the recorded ones. If the machine was not restored, a connection whose caller waits for a
 * reply is closed after that reply.
 */
export function connectionsStep(
  tracker: Pick<ConnectionTracker, "quiesce" | "recover">,
  sweeper: Pick<Sweeper, "start" | "stop">,
  queue: Pick<DeferredQueue, "defer">,
): Step {
  return {
    async quiesce({ dryRun }) {
      const undo = (
        { wasQuiesced, outcome }: Pick<
          RecoveryContext,
          "wasQuiesced" | "outcome"
        >,
      ) => {
        queue.defer(() => sweeper.start());
        // In the machine that was prepared, callers still wait for their replies.
        return tracker.recover(
          wasQuiesced && outcome === "restored" ? "close" : "keep",
        );
      };
      sweeper.stop();
      try {
        const effect = dryRun
          ? { closed: 0, recorded: 0 }
          : await tracker.quiesce();
        return { effect, undo };
      } catch (error) {
        undo({ wasQuiesced: false, outcome: "aborted" });
        throw error;
      }
    },
  };
}

/**
 * In the settle: closes the connections that were too new to be closed at the prepare and have still
 * sent no request. Runs before the collection, which removes their memory.
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
