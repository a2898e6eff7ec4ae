/**
 * Ends the agent at a signal.
 * @module
 */
import process from "node:process";
import type { HooksSocket } from "../hooks/socket.ts";
import type { Lifecycle } from "../lifecycle/lifecycle.ts";
import { logOf } from "../log/mod.ts";
import { type Components, failed } from "./components.ts";

/** What the end of the agent concerns, beside the components. */
interface ShutdownOptions {
  readonly lifecycle: Pick<Lifecycle, "end" | "state">;
  readonly hooksSocket: HooksSocket | undefined;
  /** Closes the transports of dialects. */
  readonly closeDialects: (() => void) | undefined;
}

/**
 * Ends the process at SIGTERM or SIGINT. From the signal on, no prepare begins. A quiesced guest
 * recovers first: the agent exits only in the state running, and after the last reply.
 */
export function shutDownOnSignal(
  components: Components,
  { lifecycle, ...open }: ShutdownOptions,
): void {
  const { tracker } = components;
  let ending = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, async () => {
      if (ending) return;
      ending = true;
      try {
        tracker.beginEnd();
        await lifecycle.end(signal);
        await tracker.replied();
        await close(components, open);
      } catch (error) {
        failed("the agent did not end as it should")(error);
      }
      logOf("main").info("ended", { signal, state: lifecycle.state });
      process.exit(lifecycle.state === "running" ? 0 : 1);
    });
  }
}

/** Closes what is still open. If a part of this fails, the process ends nevertheless. */
async function close(
  { queue, ports, listeners, ready }: Components,
  { hooksSocket, closeDialects }: Omit<ShutdownOptions, "lifecycle">,
): Promise<void> {
  queue.flush();
  await ports?.stop().catch(failed("the forwarder did not stop"));
  ports?.dispose();
  try {
    closeDialects?.();
    hooksSocket?.close();
    ready.close();
    listeners.stop();
  } catch (error) {
    failed("a server did not stop")(error);
  }
}
