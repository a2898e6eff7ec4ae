/**
 * Step: freezes the workload's cgroups, and waits until the kernel reports them frozen.
 * @module
 */
import type { Step } from "../lifecycle/step.ts";
import type { OwedThaw } from "./owed_thaw.ts";
import type { WorkloadStepOptions } from "./workload_freeze.ts";

/** The name that stands for everything outside the agent's own chain of cgroups. */
const ALL = "all";

/** Freezes the named cgroups, or all; skipped if none is named. */
export function workloadStep(options: WorkloadStepOptions): Step {
  const { cgroups, limitMs } = options;
  let owed: OwedThaw | undefined;
  return {
    async quiesce(context) {
      // The guest froze none of these cgroups: they are this agent's own.
      await owed?.settle();
      const all = context.workload?.all || cgroups.includes(ALL);
      if (!all && cgroups.length === 0) {
        return { skipped: "no cgroup was named" };
      }
      const { freezeWorkload } = await import("./workload_freeze.ts");
      const { OwedThaw } = await import("./owed_thaw.ts");
      owed ??= new OwedThaw(limitMs);
      return await freezeWorkload({ ...options, owed }, context, all);
    },
  };
}
