/**
 * Makes the steps and repairs of the plan from the components of the agent.
 * @module
 */
import { envFileOf } from "../identity/env_file.ts";
import { Journal } from "../lifecycle/journal.ts";
import type { Parts } from "../lifecycle/make_plan.ts";
import { RENEW_MS } from "../lifecycle/plan.ts";
import type { RecoveryContext, Step } from "../lifecycle/step.ts";
import { prefaultHeap } from "../memory/prefault_heap.ts";
import { pageOutFiles, readAhead } from "../memory/working_set.ts";
import { MountSyncer } from "../linux/mount_syncer.ts";
import { neededPaths } from "../linux/mounts.ts";
import { canCallOnThread } from "../linux/thread.ts";
import { failureLogger, holdLog, logOf } from "../log/mod.ts";
import type { Components } from "./components.ts";
import { claimRuntimeDirectory } from "./instance.ts";
import {
  journalDirectory,
  networkOptions,
  scriptsOf,
  startFreezer,
} from "./repairers.ts";
import { clockRepair } from "../steps/clock.ts";
import { collectStep } from "../steps/collect.ts";
import { connectionsStep, lateConnectionsStep } from "../steps/connections.ts";
import { credentialSteps } from "../steps/credentials.ts";
import { entropyRepair } from "../steps/entropy.ts";
import { envRepair } from "../steps/env.ts";
import { evidenceStep } from "../steps/evidence.ts";
import { filesystemStep } from "../steps/filesystem.ts";
import { freezeMountsStep } from "../steps/freeze_mounts.ts";
import { generationRepair } from "../steps/generation.ts";
import { hooksStep } from "../steps/hooks.ts";
import { idleCollectorStep } from "../steps/idle_collector.ts";
import { memoryStep } from "../steps/memory.ts";
import { networkRepair } from "../steps/network.ts";
import { parallelismStep } from "../steps/parallelism.ts";
import { portsStep } from "../steps/ports.ts";
import { renewRepair } from "../steps/renew.ts";
import { zeroStep } from "../steps/zero.ts";
import { resetConnections } from "../steps/reset_connections.ts";
import { workloadStep } from "../steps/workload.ts";

/** The parts of the plan; the mailbox is one only if it is configured. */
type ConfiguredParts = Omit<Parts, "mailbox"> & Partial<Parts>;

/** Makes all steps and repairs. */
export function createSteps(components: Components): ConfiguredParts {
  const { runtime, config, libc, tracker, sweeper, ports, observer, queue } =
    components;
  const restoredAt = () => observer.forkSeenAt;
  const { runtimeDirectory } = config;
  const journal = new Journal(journalDirectory(runtimeDirectory), {
    // The lock was removed, too: another agent may have the directory meanwhile.
    onLost() {
      const log = logOf("main");
      claimRuntimeDirectory(libc, runtimeDirectory, log, "record a change");
    },
    onError: failureLogger(
      logOf("lifecycle"),
      "the record of a change that is undone could not be removed",
    ),
  });
  const reset = resetConnections({
    libc,
    ownPorts: components.ownPorts,
    restoredAt,
  });
  const credentials = credentialSteps({
    libc,
    directory: credentialsDirectory(config.runtimeDirectory),
    zeroBytes: config.zeroMemoryMib * 2 ** 20,
  });
  return {
    hooks: hooksStep({
      hooks: () => [...scriptsOf(config), ...components.registry.hooks()],
      limitMs: config.hooksLimitMs,
      ...{ journal, hostTime, owed: components.owed, log: logOf("hooks") },
      save: () => components.registry.save(),
    }),
    ports: portsStep(ports),
    workload: workloadStep({
      cgroups: config.workloadCgroup,
      kept: config.workloadExcept,
      limitMs: config.workloadLimitMs,
      journal,
    }),
    filesystem: madeAtUse(() => {
      if (!canCallOnThread(libc)) return filesystemStep(undefined);
      const syncer = new MountSyncer(libc);
      return filesystemStep((signal) => syncer.sync(signal));
    }),
    "freeze-mounts": freezeMountsStep({
      mounts: config.freezeMounts,
      all: config.freezeAllMounts,
      holdMs: config.freezeHoldMs,
      needed: () =>
        config.freezeForce ? [] : neededPaths(config.runtimeDirectory),
      ...{ journal, holdLog },
      freezer: () => startFreezer(components),
      onError: components.onError,
    }),
    "wipe-credentials": credentials.wipe,
    memory: memoryStep(config),
    connections: connectionsStep(tracker, sweeper, queue),
    "workload-connections": config.resetConnections
      ? reset.record
      : turnedOff("resetConnections=false"),
    ...components.mailbox === undefined ? {} : { mailbox: components.mailbox },
    evidence: evidenceStep(observer, components.recover, queue, {
      waitsForHost: components.mailbox === undefined,
    }),
    "late-connections": lateConnectionsStep(tracker),
    "idle-collector": idleCollectorStep(components.idle, queue),
    collect: collectStep((signal) => runtime.collect(signal)),
    "wipe-memory": credentials.wipeMemory,
    zero: zeroStep(libc, {
      ...pageOutOf(components),
      // JavaScriptCore has memory for a reply after each collection.
      prefaultHeap: runtime.name === "deno" ? prefaultHeap : undefined,
      zeroBytes: config.zeroMemoryMib * 2 ** 20,
    }),
    parallelism: parallelismStep(libc),
    entropy: entropyRepair({
      libc,
      kernelReseeded: () => observer.kernelReseeded,
    }),
    clock: clockRepair({
      libc,
      toleranceMs: config.clockToleranceMs,
      hostClock: () => components.hostClocks.last,
      defer: (action) => queue.defer(action),
      onError: components.onError,
    }),
    network: networkRepair({
      ...networkOptions(components),
      ...{ journal, listeners: components.listeners },
      later: components.later,
      replied: () => components.tracker.replied(),
      onDone: (what, facts) => logOf("network").info(what, facts),
      onError: failureLogger(
        logOf("network"),
        "the former address could not be removed",
      ),
    }),
    renew: renewRepair({
      libc,
      directory: `${config.runtimeDirectory}/identity`,
      limitMs: RENEW_MS,
    }),
    credentials: credentials.repair,
    env: envRepair(envFileOf(config.runtimeDirectory)),
    "reset-connections": reset.reset,
    generation: generationRepair(components.generationFile),
  };
}

/** The directory of the secrets. An agent with another runtime directory has them in that one. */
function credentialsDirectory(runtimeDirectory: string): string {
  return runtimeDirectory === "/run/lull"
    ? "/run/credentials/lull"
    : `${runtimeDirectory}/credentials`;
}

function pageOutOf({ config, libc, program }: Components) {
  switch (config.pageOut) {
    case "unneeded":
      return { pageOut: () => program.trim() };
    case "settle":
      return {
        pageOut: () => void pageOutFiles(libc),
        undo: () => void readAhead(libc),
      };
    default:
      return {};
  }
}

/**
 * Makes a step at its first use. At the start, each function of the C library that a step looks for
 * would take Deno 0.3 ms.
 */
function madeAtUse(make: () => Step): Step {
  let step: Step | undefined;
  return { quiesce: (context) => (step ??= make()).quiesce(context) };
}

/** Takes the place of a step that an option turns off; `option` is its key and its value. */
function turnedOff(option: string): Step {
  return { quiesce: () => ({ skipped: `turned off by ${option}` }) };
}

/** The host's wall clock now, for hooks, in the form of RFC 3339. */
function hostTime({ request }: RecoveryContext): string | undefined {
  const { hostTime, receivedAt } = request;
  if (hostTime === undefined) return undefined;
  const waited = receivedAt === undefined ? 0 : performance.now() - receivedAt;
  return new Date(hostTime + waited).toISOString();
}
