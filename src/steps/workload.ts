/**
 * Step: freezes the workload's cgroups, and waits until the kernel reports them frozen.
 * @module
 */
import type { Step } from "../lifecycle/step.ts";
import type { WorkloadStepOptions } from "./workload_freeze.ts";

/** The name that stands for everything outside the agent's own chain of cgroups. */
const ALL = "all";

/** Freezes the named cgroups, or all; skipped if none is named. */
export function workloadStep(options: WorkloadStepOptions): Step {
  const { cgroups } = options;
  return {
    async quiesce(context) {
      const all = context.workload?.all || cgroups.includes(ALL);
      if (!all && cgroups.length === 0) {
        return { skipped: "no cgroup was named" };
      }
      const { freezeWorkload } = await import("./workload_freeze.ts");
      return await freezeWorkload(options, context, all);
    },
  };
}
