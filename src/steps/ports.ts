/**
 * Step: the port subsystem rests, and nothing of it is left in the snapshot.
 * @module
 */
import type { Step } from "../lifecycle/step.ts";

/** What the step needs of the port subsystem. */
export interface Ports {
  /** Resolves when no listener, connection, timer or thread of it is left. */
  stop(): Promise<object>;
  start(): void;
}

/** Undefined ports are turned off by the configuration. */
export function portsStep(ports: Ports | undefined): Step {
  return {
    name: "ports",
    limitMs: 15_000,
    onFailure: "continue",
    async quiesce() {
      if (ports === undefined) {
        return { skipped: "turned off by forwardPorts=false" };
      }
      const undo = () => ports.start();
      try {
        return { effect: { ...await ports.stop() }, undo };
      } catch (error) {
        ports.start();
        throw error;
      }
    },
  };
}
