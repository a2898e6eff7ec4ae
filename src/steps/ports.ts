/**
 * Step: stops the port subsystem, so that no part of it is in the snapshot.
 * @module
 */
import type { Step } from "../lifecycle/step.ts";
import type { PortSubsystem } from "../ports/subsystem.ts";

/**
 * Stops the scanner and the forwarder at prepare, starts them again at recovery. If the
 * configuration disables the forwarding, `ports` is undefined.
 */
export function portsStep(
  ports: Pick<PortSubsystem, "stop" | "start"> | undefined,
): Step {
  return {
    async quiesce({ signal }) {
      if (ports === undefined) {
        return { skipped: "turned off by forwardPorts=false" };
      }
      const undo = () => ports.start();
      try {
        return { effect: { ...await ports.stop(signal) }, undo };
      } catch (error) {
        ports.start();
        throw error;
      }
    },
  };
}
