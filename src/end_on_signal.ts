/**
 * The end of the agent.
 * @module
 */
import process from "node:process";
import type { Lifecycle } from "./lifecycle/lifecycle.ts";
import { logOf } from "./log.ts";

/** How long the end waits for a step that was given up, in milliseconds. */
const END_LIMIT_MS = 5000;

/** A quiesced guest recovers before its agent ends. */
export function endOnSignal(
  lifecycle: Pick<Lifecycle, "recover" | "rest">,
  end: () => Promise<void>,
): void {
  let ending = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, async () => {
      if (ending) return;
      ending = true;
      await lifecycle.recover("signal");
      await lifecycle.rest(END_LIMIT_MS);
      await end();
      logOf("main").info("ended", { signal });
      process.exit(0);
    });
  }
}
