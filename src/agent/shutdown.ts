/**
 * Ends the agent at a signal.
 * @module
 */
import process from "node:process";
import type { Lifecycle } from "../lifecycle/lifecycle.ts";
import { messageOf } from "../util/errors.ts";
import { logOf } from "../log/mod.ts";

/**
 * Ends the process at SIGTERM or SIGINT. From the signal on, no prepare begins. A quiesced guest
 * recovers first: the agent exits only in the state running.
 */
export function shutDownOnSignal(
  lifecycle: Pick<Lifecycle, "end" | "state">,
  close: () => Promise<void>,
): void {
  let ending = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, async () => {
      if (ending) return;
      ending = true;
      try {
        await lifecycle.end(signal);
        await close();
      } catch (error) {
        logOf("main").error("the agent did not end as it should", {
          error: messageOf(error),
        });
      }
      logOf("main").info("ended", { signal, state: lifecycle.state });
      process.exit(lifecycle.state === "running" ? 0 : 1);
    });
  }
}
