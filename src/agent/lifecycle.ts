/**
 * Makes the lifecycle of the agent: its plan, and what the agent does before a prepare, at the
 * quiesced state, after the settle and after a recovery.
 * @module
 */
import { onRecovered } from "./on_recovered.ts";
import { RequirementFile } from "./requirements.ts";
import { createSteps } from "./steps.ts";
import type { Evidence } from "../lifecycle/reports.ts";
import { lookForEvidence } from "../evidence/check.ts";
import { Lifecycle } from "../lifecycle/lifecycle.ts";
import { type Plan, plan } from "../lifecycle/make_plan.ts";
import { holdLog, logOf, releaseLog, setLogContext } from "../log/mod.ts";
import { type Components, failed } from "./components.ts";
import { randomId } from "../linux/random.ts";
import { lastGeneration } from "../steps/generation.ts";

/** The lifecycle, its plan, and the function with which it looks for evidence. */
export interface AgentLifecycle {
  readonly lifecycle: Lifecycle;
  readonly plan: Plan;
  /** Looks for evidence of a restore; never rejects. */
  readonly evidence: () => Promise<Evidence | undefined>;
}

/** Makes the lifecycle, in the state running. */
export function createLifecycle(components: Components): AgentLifecycle {
  const { config, observer, program, queue } = components;
  const whole = plan(createSteps(components), config);
  const evidence = () => lookForEvidence(observer);
  const atPrepare: (() => void)[] = [];
  const requirements = new RequirementFile(
    config.runtimeDirectory,
    failed("the next agent will not know what the host requires"),
  );
  const lifecycle = new Lifecycle({
    plan: whole,
    required: requirements.read(),
    onRequired: (required) => requirements.keep(required),
    leaseSeconds: config.lease,
    timers: components.timers,
    kind: config.snapshotKind,
    newId: randomId,
    generation: lastGeneration(
      config.runtimeDirectory,
      failed("the generation starts at 0 again"),
    ),
    evidence,
    onPrepare({ id: operation, call }) {
      queue.flush();
      for (const action of atPrepare.splice(0)) action();
      setLogContext({ operation, request: call.requestId });
    },
    onUndo({ id: operation, call }, { requestId = call.requestId }) {
      components.ready.begin();
      setLogContext({ operation, request: requestId });
    },
    onQuiet() {
      queue.flush();
      program.invalidate();
      holdLog();
    },
    onSettled: () => queue.schedule(),
    onJump: (lateMs) =>
      logOf("lifecycle").warn(
        "the lease starts over: the restore moved CLOCK_MONOTONIC",
        { lateMs: Math.round(lateMs) },
      ),
    onError: failed("the lifecycle had an error"),
    onRunning: onRecovered({
      ...components,
      atPrepare: (action) => void atPrepare.push(action),
      ...{ releaseLog, log: logOf("lifecycle") },
      logged: () => setLogContext(undefined),
    }),
  });
  return { lifecycle, evidence, plan: whole };
}
