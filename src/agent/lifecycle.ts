/**
 * The lifecycle of the real agent: what it does as it gets quiet, as it has settled
 * and as it runs again.
 * @module
 */
import { onRecovered } from "./on_recovered.ts";
import { createSteps } from "./steps.ts";
import type { Evidence } from "../evidence/types.ts";
import { lookForEvidence } from "../evidence/check.ts";
import { Lifecycle } from "../lifecycle/lifecycle.ts";
import type { Operation } from "../lifecycle/operation.ts";
import { type Plan, plan } from "../lifecycle/plan.ts";
import type { Recovery } from "../lifecycle/recovery.ts";
import { holdLog, logOf, releaseLog } from "../log/mod.ts";
import type { Components } from "./components.ts";
import type { Metrics } from "../http/metrics.ts";
import type { Guard } from "../http/guard.ts";
import { lastGeneration } from "../steps/generation.ts";

/** What it needs that no step does. */
export interface CreateLifecycleOptions {
  readonly metrics: Pick<Metrics, "ended">;
  readonly guard: Pick<Guard, "forget">;
  readonly newId: () => string;
  /** What tells of an error, with these words before it. */
  readonly failed: (what: string) => (error: unknown) => void;
}

/** The lifecycle, and what it is made with that others need, too. */
export interface AgentLifecycle {
  readonly lifecycle: Lifecycle;
  readonly plan: Plan;
  /** Looks for evidence of a restore; never rejects. */
  readonly evidence: () => Promise<Evidence | undefined>;
}

/** Makes it; nothing is quiesced. */
export function createLifecycle(
  components: Components,
  { metrics, guard, newId, failed }: CreateLifecycleOptions,
): AgentLifecycle {
  const { config, observer, program, generationFile, queue } = components;
  const whole = plan(createSteps(components), config);
  const evidence = () => lookForEvidence(observer);
  function tell(operation: Operation, recovery: Recovery): void {
    const held = operation.quiescedMs !== undefined;
    if (held) program.record();
    components.registry.save();
    generationFile.ready();
    releaseLog();
    const { steps, ...rest } = recovery;
    logOf("lifecycle")[held ? "info" : "error"](
      held ? "recovered" : "prepare undone",
      { ...rest, prepare: operation.reports, recovery: steps },
    );
  }
  const lifecycle = new Lifecycle({
    plan: whole,
    leaseSeconds: config.lease,
    newId,
    generation: lastGeneration(
      config.runtimeDirectory,
      failed("the generation starts at 0 again"),
    ),
    evidence,
    defer: (action) => queue.defer(action),
    onPrepare: () => queue.flush(),
    onQuiet({ id, generation }) {
      queue.flush();
      generationFile.expect(id, generation + 1);
      program.invalidate();
      holdLog();
    },
    onSettled: () => queue.schedule(),
    onError: failed("the lifecycle had an error"),
    onRunning: onRecovered({ metrics, guard, queue, tell }),
  });
  return { lifecycle, evidence, plan: whole };
}
