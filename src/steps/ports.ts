/**
 * Step: the port subsystem rests, and nothing of it is left in the snapshot.
 * @module
 */
import type { Step } from "../lifecycle/step.ts";

/**
 * What the step needs of the port subsystem. The functions are already bound.
 */
export interface Ports {
  /**
   * Resolves when no listener, connection, timer or thread of it is left. Once the
   * signal aborts, it waits for the end of the thread alone.
   */
  readonly stop: (signal: AbortSignal) => Promise<object>;
  readonly start: () => void;
}

/** Undefined ports are turned off by the configuration. */
export function portsStep(ports: Ports | undefined): Step {
  const { stop, start } = ports ?? {};
  return {
    async quiesce({ signal }) {
      if (stop === undefined || start === undefined) {
        return { skipped: "turned off by forwardPorts=false" };
      }
      const undo = () => start();
      try {
        return { effect: { ...await stop(signal) }, undo };
      } catch (error) {
        start();
        throw error;
      }
    },
  };
}
