/**
 * A lifecycle whose every step a test decides and sees.
 */
import { Lifecycle } from "../../src/lifecycle/lifecycle.ts";
import type { LifecycleOptions } from "../../src/lifecycle/options.ts";
import type { Evidence } from "../../src/lifecycle/reports.ts";
import { fakePlan, type FakeStep } from "../support/fake_plan.ts";

/** The lifecycle, and the list of what happened, in order. */
export function start(
  beforeReply: FakeStep[] = [{ name: "a" }, { name: "b" }],
  settle: FakeStep[] = [{ name: "c" }],
  more: Partial<LifecycleOptions> = {},
) {
  const { plan, seen } = fakePlan(beforeReply, settle);
  let id = 0;
  const lifecycle = new Lifecycle({
    plan,
    leaseSeconds: 600,
    newId: () => `op-${++id}`,
    onQuiet: () => seen.push("quiet"),
    onRunning: () => seen.push("running"),
    ...more,
  });
  return { lifecycle, seen, plan };
}

/** Prepares and settles. */
export async function quiesce(lifecycle: Lifecycle) {
  const operation = await lifecycle.prepare();
  await lifecycle.settle(operation);
  return operation;
}

/** Evidence that this machine is a fork, or none. */
export function evidenceOf(restored: boolean): Evidence {
  return { conclusive: true, restored, paused: restored, sources: [] };
}
