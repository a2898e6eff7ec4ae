/**
 * Ends the agent at a signal.
 * @module
 */
import process from "node:process";
import type { ConnectionTracker } from "../connections/tracker.ts";
import type { Lifecycle } from "../lifecycle/lifecycle.ts";
import { messageOf } from "../util/errors.ts";
import { logOf } from "../log/mod.ts";

/** What the end of the agent needs. */
export interface ShutdownOptions {
  readonly lifecycle: Pick<Lifecycle, "end" | "state">;
  readonly tracker: Pick<ConnectionTracker, "beginEnd" | "replied">;
  /** Closes what is still open. */
  readonly close: () => Promise<void>;
}

/**
 * Ends the process at SIGTERM or SIGINT. From the signal on, no prepare begins. A quiesced guest
 * recovers first: the agent exits only in the state running, and after the last reply.
 */
export function shutDownOnSignal(
  { lifecycle, tracker, close }: ShutdownOptions,
): void {
  let ending = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, async () => {
      if (ending) return;
      ending = true;
      try {
        tracker.beginEnd();
        await lifecycle.end(signal);
        await tracker.replied();
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
