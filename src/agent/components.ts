/**
 * Makes the components of the agent, from which its steps, its lifecycle and its servers are made.
 * @module
 */
import type { Config } from "../config/mod.ts";
import { Sweeper } from "../connections/sweeper.ts";
import { ConnectionTracker } from "../connections/tracker.ts";
import { EvidenceObserver } from "../evidence/observer.ts";
import { makePrograms } from "../hooks/make_programs.ts";
import { ReadySocket } from "../hooks/ready_socket.ts";
import { Guard } from "../http/guard.ts";
import { Listeners } from "../http/listeners.ts";
import { Metrics } from "../http/metrics.ts";
import { TokenFile } from "../http/token.ts";
import type { Lifecycle } from "../lifecycle/lifecycle.ts";
import type { Repair, Step } from "../lifecycle/step.ts";
import { HostClockFinder } from "../linux/clock.ts";
import type { Libc } from "../linux/libc.ts";
import { createTimers } from "../linux/kernel_alarm.ts";
import { isLocalAddress } from "../linux/local_addresses.ts";
import { hardwareClock, ptpClock } from "../linux/machine_clock.ts";
import { failureLogger, logOf } from "../log/mod.ts";
import { IdleCollector } from "../memory/idle_collector.ts";
import { WorkingSet } from "../memory/working_set.ts";
import type { Runtime } from "../runtime/types.ts";
import type { createPorts } from "./ports.ts";
import { GenerationFile } from "../steps/generation.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";

/** What the components are made from. */
export interface ComponentsOptions {
  readonly runtime: Runtime;
  readonly config: Config;
  readonly libc: Libc;
  /** Work that is deferred until after the reply. */
  readonly queue: DeferredQueue;
  /** The modules of the workers that forward ports and freeze mounts. */
  readonly forwarderUrl: URL;
  readonly freezerUrl: URL;
  /** Makes the port subsystem; not given if no port is forwarded. */
  readonly createPorts?: typeof createPorts;
  /** The step and repair of the mailbox; not given if none is configured. */
  readonly mailbox?: Step & Repair;
  /** The lifecycle, which is made from the components and exists once the agent listens. */
  readonly lifecycle: () => Pick<
    Lifecycle,
    "state" | "recover" | "operation" | "deferred"
  >;
}

/** The components of the agent. */
export type Components = ReturnType<typeof createComponents>;

/** Makes the components. None of them runs yet. */
export function createComponents(options: ComponentsOptions) {
  const { runtime, config, libc, queue, freezerUrl, lifecycle } = options;
  const listeners = new Listeners(runtime);
  const listening = () => listeners;
  const ownPorts = () => listeners.ports;
  const timers = createTimers(libc, runtime);
  const tracker = new ConnectionTracker({
    ...{ libc, listening, queue },
    maxRequestsPerConnection: config.maxRequestsPerConnection,
    wakesForConnections: runtime.wakesForConnections,
    letGo: (fd) => listeners.letGo(fd),
    closeIdle: () => listeners.closeIdle(),
    onError: failed("the work after a reply failed"),
  });
  const sweeper = new Sweeper({
    ...{ libc, listening, timers, log: logOf("connections") },
    exchanges: tracker.exchanges,
    ...config,
  });
  const hostClocks = new HostClockFinder(libc);
  return {
    ...{ runtime, config, libc, freezerUrl, mailbox: options.mailbox },
    ...{ queue, timers, listeners, ownPorts, tracker, hostClocks },
    /** Work on timers: runs while the guest runs, and stops while it is quiesced. */
    sweeper: {
      start() {
        sweeper.start();
        listeners.resume();
      },
      stop() {
        sweeper.stop();
        listeners.pause();
      },
    },
    idle: new IdleCollector({
      collect: (signal) => runtime.collect(signal),
      onError: failed("the idle collection failed"),
    }),
    guard: new Guard({
      guestCalls: config.guestCalls,
      isLocal: (address) => isLocalAddress(libc, address),
      token: config.tokenFile === ""
        ? undefined
        : new TokenFile(config.tokenFile, logOf("http")),
    }),
    ports: options.createPorts?.(config, {
      ...{ queue, timers, ownPorts, runtime, libc },
      workerUrl: options.forwarderUrl,
    }),
    observer: new EvidenceObserver({
      ...{ libc, runtime },
      clocks: [hardwareClock(), ptpClock(hostClocks)],
      onError: failed("the kernel's log can no longer be watched"),
    }),
    program: new WorkingSet(
      libc,
      failed("the program's pages that a recovery needs could not be noted"),
    ),
    generationFile: new GenerationFile(config.runtimeDirectory),
    ...makePrograms(config, () => lifecycle().state === "running"),
    ready: new ReadySocket(libc, config.runtimeDirectory),
    metrics: new Metrics(),
    /** Recovers, if there is evidence of a restore and the host has not called. */
    recover() {
      if (lifecycle().operation?.call.awaitsHost) return;
      lifecycle().recover({ trigger: "evidence" })
        .catch(failed("the recovery failed"));
    },
    /** Runs work of a repair that has to wait for its reply, before the next prepare. */
    later: (work: () => Promise<void>) => lifecycle().deferred.later(work),
    /** Gets errors that occur after the end of their step. */
    onError: failed("a step failed after its end"),
  };
}

/** Makes a function that logs an error with this message. */
export function failed(message: string): (error: unknown) => void {
  return failureLogger(logOf("main"), message);
}
