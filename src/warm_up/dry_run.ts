/**
 * A recovery gone through without effect: or the first one would bring the
 * program's pages back from the disk while its caller waits.
 * @module
 */
import { onRecovered } from "../agent/on_recovered.ts";
import type { EvidenceObserver } from "../evidence/observer.ts";
import { Lifecycle } from "../lifecycle/lifecycle.ts";
import type { LifecycleOptions } from "../lifecycle/options.ts";
import { type Plan, plan } from "../lifecycle/plan.ts";
import type { Recovery } from "../lifecycle/recovery.ts";
import { messageOf } from "../util/errors.ts";
import type { Libc } from "../linux/libc.ts";
import type { IdleCollector } from "../memory/idle_collector.ts";
import type { Sources } from "../agent/components.ts";
import { Metrics } from "../http/metrics.ts";
import { DeferredQueue } from "../util/deferred_queue.ts";
import { openForkLog, watchOnce } from "./dry_run_log.ts";
import type { Guard } from "../http/guard.ts";
import type { ConnectionTracker } from "../connections/tracker.ts";
import type { Sweeper } from "../connections/sweeper.ts";
import { clockRepair } from "../steps/clock.ts";
import { collectStep } from "../steps/collect.ts";
import { connectionsStep } from "../steps/connections.ts";
import { entropyRepair } from "../steps/entropy.ts";
import { evidenceStep } from "../steps/evidence.ts";
import { generationTrial } from "../steps/generation.ts";
import { networkRepair } from "../steps/network.ts";
import { parallelismStep } from "../steps/parallelism.ts";
import { portsStep } from "../steps/ports.ts";
import { resetConnections } from "../steps/reset_connections.ts";

/** What a rehearsal needs. */
export interface DryRunOptions {
  readonly libc: Libc;
  readonly observer: Pick<
    EvidenceObserver,
    "mark" | "unwatch" | "pretend" | "look"
  >;
  /** Looks for evidence. */
  readonly evidence: NonNullable<LifecycleOptions["evidence"]>;
  readonly tracker: Pick<ConnectionTracker, "recover">;
  readonly sweeper: Pick<Sweeper, "start" | "stop">;
  readonly idle: Pick<IdleCollector, "rest" | "resume">;
  readonly guard: Pick<Guard, "forget">;
  readonly sources: Sources;
  readonly ownPorts: () => readonly number[];
  readonly runtimeDirectory: string;
  readonly healthMayRecover: () => boolean;
  /** Connects to the agent and says nothing, until it is called back. */
  readonly hold: () => () => void;
  /** Asks the agent for its health, as a host does. */
  readonly askHealth: () => Promise<unknown>;
}

/**
 * Goes through it once; gives the words of what would fail. Changes nothing: a
 * file beside the generation comes and goes, each thread is given the CPUs that
 * it has, and what is undone while nothing is quiesced stays as it is. No prepare
 * may run meanwhile.
 */
export async function dryRun(
  options: DryRunOptions,
): Promise<readonly string[]> {
  const { libc, observer, guard } = options;
  await watchOnce(libc);
  const forkLog = openForkLog(options);
  let forget = () => {};
  let hangUp = () => {};
  const errors: unknown[] = [];
  const failures: string[] = [];
  const queue = new DeferredQueue((error) => failures.push(messageOf(error)));
  const trial = trialPlan(options, queue);
  const lifecycle = new Lifecycle({
    plan: trial.plan,
    // Where the kernel knows of no forks, the clocks are asked.
    async evidence() {
      const found = await options.evidence();
      if (forkLog === undefined) return found;
      forget = observer.pretend(forkLog);
      observer.look();
      return await options.evidence();
    },
    defer: (action) => queue.defer(action),
    onSettled: () => queue.schedule(),
    onRunning: onRecovered({
      guard,
      metrics: new Metrics(),
      queue,
      tell() {},
    }),
    leaseSeconds: 60,
    newId: () => "rehearsal",
    onError: (error) => errors.push(error),
  });
  let recovery: Recovery | undefined;
  try {
    hangUp = options.hold();
    observer.mark();
    await lifecycle.settle(await lifecycle.prepare());
    options.healthMayRecover();
    const request = forkLog === undefined
      ? { outcome: "restored" as const }
      : {};
    ({ recovery } = await lifecycle.recover({ trigger: "health" }, request));
  } finally {
    // Whatever failed: nobody is to take the words in that log for the kernel's.
    forget();
    queue.flush();
    hangUp();
    trial.close();
    forkLog?.close();
  }
  if (errors.length > 0) throw errors[0];
  await options.askHealth();
  for (const { name, status, reason } of recovery?.steps ?? []) {
    if (status === "failed") failures.push(`${name}: ${reason}`);
  }
  return failures;
}

/** The real steps and repairs, as far as they do something at a recovery. */
function trialPlan(
  { libc, observer, tracker, sweeper, idle, sources, ...rest }: DryRunOptions,
  queue: DeferredQueue,
): { plan: Plan; close(): void } {
  const connections = resetConnections({
    libc,
    ownPorts: rest.ownPorts,
    restoredAt: () => sources.restoredAt() ?? performance.now(),
    rehearsal: true,
  });
  const parts = {
    ports: portsStep({ stop: () => Promise.resolve({}), start() {} }),
    connections: connectionsStep(
      {
        quiesce: () => Promise.resolve({ closed: 0, recorded: 0 }),
        recover: tracker.recover.bind(tracker),
      },
      sweeper,
      queue,
    ),
    "workload-connections": connections.record,
    evidence: evidenceStep(
      {
        mark() {},
        watch: (onFork) => onFork(), // a fork is told before it is asked, too
        unwatch: observer.unwatch.bind(observer),
      },
      () => {},
      queue,
    ),
    collect: collectStep(() => Promise.resolve(true), idle, queue),
    parallelism: parallelismStep(keepingCpus(libc)),
    entropy: entropyRepair({
      libc,
      // A kernel that has reseeded by itself leaves nothing to be done.
      kernelReseeded() {
        sources.kernelReseeded();
        return true;
      },
    }),
    clock: clockRepair({
      libc,
      // Asked, but not believed: the time stays as it is.
      hostClock: () => void sources.hostClock(),
    }),
    network: networkRepair(libc),
    "reset-connections": connections.reset,
    generation: generationTrial(rest.runtimeDirectory),
  };
  const limits = { hooksLimitMs: 0, workloadLimitMs: 0, freezeHoldMs: 0 };
  return { plan: plan(parts, limits), close: connections.close };
}

/** A libc that gives each thread the CPUs that it has, whatever it is told. */
function keepingCpus(libc: Libc): Libc {
  const { sched_getaffinity: read, sched_setaffinity: write } = libc;
  if (read === undefined || write === undefined) return libc;
  const keep: typeof write = (thread, size, mask) => {
    const own = new Uint8Array(mask!.length);
    return read(thread, size, own) === -1 ? -1 : write(thread, size, own);
  };
  // Not a copy, which would bind every function that there is.
  return Object.create(libc, { sched_setaffinity: { value: keep } });
}
