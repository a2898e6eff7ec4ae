/**
 * Makes the lifecycle of the agent: its plan, and what the agent does before a prepare, at the
 * quiesced state, after the settle and after a recovery.
 * @module
 */
import { onRecovered } from "./on_recovered.ts";
import { createSteps } from "./steps.ts";
import type { Evidence } from "../lifecycle/evidence.ts";
import { lookForEvidence } from "../evidence/check.ts";
import { Lifecycle } from "../lifecycle/lifecycle.ts";
import { type Plan, plan } from "../lifecycle/plan.ts";
import { holdLog, logOf, releaseLog } from "../log/mod.ts";
import type { Components } from "./components.ts";
import type { Metrics } from "../http/metrics.ts";
import type { Guard } from "../http/guard.ts";
import { lastGeneration } from "../steps/generation.ts";

/** The parts of the agent that the lifecycle needs and no step needs. */
export interface CreateLifecycleOptions {
  readonly metrics: Pick<Metrics, "ended">;
  readonly guard: Pick<Guard, "forget">;
  readonly newId: () => string;
  /** Returns a function that logs an error with this message. */
  readonly failed: (what: string) => (error: unknown) => void;
}

/** The lifecycle, its plan, and the function with which it looks for evidence. */
export interface AgentLifecycle {
  readonly lifecycle: Lifecycle;
  readonly plan: Plan;
  /** Looks for evidence of a restore; never rejects. */
  readonly evidence: () => Promise<Evidence | undefined>;
}

/** Makes the lifecycle, in the state running. */
export function createLifecycle(
  components: Components,
  { metrics, guard, newId, failed }: CreateLifecycleOptions,
): AgentLifecycle {
  const { config, observer, program, generationFile, queue } = components;
  const whole = plan(createSteps(components), config);
  const evidence = () => lookForEvidence(observer);
  const atPrepare: (() => void)[] = [];
  const lifecycle = new Lifecycle({
    plan: whole,
    leaseSeconds: config.lease,
    newId,
    generation: lastGeneration(
      config.runtimeDirectory,
      failed("the generation starts at 0 again"),
    ),
    evidence,
    onPrepare() {
      queue.flush();
      for (const action of atPrepare.splice(0)) action();
    },
    onQuiet() {
      queue.flush();
      program.invalidate();
      holdLog();
    },
    onSettled: () => queue.schedule(),
    onError: failed("the lifecycle had an error"),
    onRunning: onRecovered({
      ...{ metrics, guard, queue, program, generationFile, releaseLog },
      atPrepare: (action) => void atPrepare.push(action),
      registry: components.registry,
      log: logOf("lifecycle"),
    }),
  });
  return { lifecycle, evidence, plan: whole };
}
