/**
 * Makes the warm-up of the agent: dry runs of its own plan, and health checks of its own.
 * @module
 */
import { logOf } from "../log/mod.ts";
import { canPageOut } from "../memory/working_set.ts";
import { dryRun } from "../warm_up/dry_run.ts";
import type { SelfCall } from "../warm_up/self_call.ts";
import { WarmUp } from "../warm_up/warm_up.ts";
import { type Components, failed } from "./components.ts";
import type { AgentLifecycle } from "./lifecycle.ts";

/** Makes the warm-up; it begins with its `start`. */
export function createWarmUp(
  { queue, tracker, generationFile, config, libc, program }: Components,
  { plan, evidence }: Pick<AgentLifecycle, "plan" | "evidence">,
  selfCall: SelfCall,
): WarmUp {
  return new WarmUp({
    queue,
    async dryRun() {
      // The start does not load this.
      const { checkSample } = await import("../http/routes/sample.ts");
      checkSample();
      return await dryRun({
        ...{ plan, evidence, queue },
        onRunning: () => generationFile.ready(),
        askHealth() {
          const end = tracker.endWithReply((peer) => selfCall.isFrom(peer));
          return selfCall.ask().finally(end);
        },
      });
    },
    program: config.pageOut !== "never" && canPageOut(libc)
      ? program
      : undefined,
    warn: (why) => logOf("main").warn("a recovery will not be whole", { why }),
    onError: failed("the first recovery will be slower than later ones"),
  });
}
