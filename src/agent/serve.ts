/**
 * Builds the agent from its components and serves until a signal ends it.
 * @module
 */
import { createApp } from "../http/app.ts";
import { createRepairers, journalDirectory } from "./steps.ts";
import type { Config } from "../config/mod.ts";
import { shutDownOnSignal } from "./shutdown.ts";
import { EvidenceObserver } from "../evidence/observer.ts";
import { wasPaused } from "../evidence/check.ts";
import { makePrograms } from "../hooks/make_programs.ts";
import { listenForPrograms } from "../hooks/programs.ts";
import { claimRuntimeDirectory } from "./instance.ts";
import { repairAfterCrash, type Repaired } from "../lifecycle/journal.ts";
import type { Lifecycle } from "../lifecycle/lifecycle.ts";
import { messageOf } from "../util/errors.ts";
import { HostClockFinder } from "../linux/clock.ts";
import { loadLibc } from "../linux/libc.ts";
import { isLocalAddress } from "../linux/local_addresses.ts";
import { hardwareClock, ptpClock } from "../linux/machine_clock.ts";
import { canPageOut, WorkingSet } from "../memory/working_set.ts";
import { randomId } from "../linux/random.ts";
import { logOf, setupLog } from "../log/mod.ts";
import { createLifecycle } from "./lifecycle.ts";
import { IdleCollector } from "../memory/idle_collector.ts";
import type { Components } from "./components.ts";
import { Metrics } from "../http/metrics.ts";
import { DeferredQueue } from "../util/deferred_queue.ts";
import { PortSubsystem } from "../ports/subsystem.ts";
import type { Runtime } from "../runtime/types.ts";
import { Guard } from "../http/guard.ts";
import { ConnectionTracker } from "../connections/tracker.ts";
import { addressesOf, Listeners } from "../http/listeners.ts";
import { SelfCall } from "../warm_up/self_call.ts";
import { Sweeper } from "../connections/sweeper.ts";
import { TokenFile } from "../http/token.ts";
import { GenerationFile } from "../steps/generation.ts";
import { tellReady } from "./ready.ts";
import { surviveErrors } from "./survive.ts";
import { VERSION } from "../version.ts";
import { dryRun } from "../warm_up/dry_run.ts";
import { WarmUp } from "../warm_up/warm_up.ts";

/** What the agent is made from. */
export interface ServeOptions {
  readonly runtime: Runtime;
  readonly config: Config;
  /** Why the process could not be prepared; undefined if it was. */
  readonly degraded: string | undefined;
  /** The modules of the workers that forward ports and freeze mounts. */
  readonly forwarderUrl: URL;
  readonly freezerUrl: URL;
}

/** The log message for each change that a killed agent left. */
const REPAIRED = {
  repaired: "took back what a killed agent had left",
  owed: "hooks are owed the thaw that a killed agent did not call",
  failed: "could not undo what a killed agent had left",
  corrupt: "could not read what a killed agent had left",
} as const satisfies Record<Repaired["status"], string>;

/** Starts the agent; resolves once it listens. */
export async function serve(options: ServeOptions): Promise<void> {
  const { runtime, config } = options;
  const libc = loadLibc(runtime);
  setupLog({ level: config.logLevel, format: config.logFormat, libc });
  const log = logOf("main");
  // First of all: a second agent must not touch what the first one has changed.
  claimRuntimeDirectory(libc, config.runtimeDirectory, log);
  surviveErrors(log);
  const failed = (what: string) => (error: unknown) =>
    log.error(what, { error: messageOf(error) });
  if (options.degraded !== undefined) {
    log.warn("the process could not be prepared", { why: options.degraded });
  }
  if (libc.getpeername === undefined) {
    log.warn(
      "the C library could not be loaded: steps that need it are skipped",
    );
  }

  const newId = randomId;
  const queue = new DeferredQueue(failed("deferred work failed"));
  const listeners = new Listeners(runtime);
  const listening = () => listeners;
  const idle = new IdleCollector({
    collect: (signal) => runtime.collect(signal),
    onError: failed("the idle collection failed"),
  });
  const tracker = new ConnectionTracker({
    libc,
    listening,
    maxRequestsPerConnection: config.maxRequestsPerConnection,
    closeIdle: () => listeners.closeIdle(),
    queue,
    onError: failed("the work after a reply failed"),
  });
  const sweeper = new Sweeper({
    libc,
    listening,
    tracker,
    log: logOf("connections"),
    ...config,
  });
  const guard = new Guard({
    guestCalls: config.guestCalls,
    isLocal: (address) => isLocalAddress(libc, address),
    token: config.tokenFile === ""
      ? undefined
      : new TokenFile(config.tokenFile, logOf("http")),
  });
  const ports = config.forwardPorts
    ? makePorts(options, listeners, queue)
    : undefined;
  const hostClocks = new HostClockFinder(libc);
  const observer = new EvidenceObserver({
    ...{ libc, runtime },
    clocks: [hardwareClock(), ptpClock(hostClocks)],
    onError: failed("the kernel's log can no longer be watched"),
  });
  const program = new WorkingSet(
    libc,
    failed("the program's pages that a recovery needs could not be noted"),
  );
  const generationFile = new GenerationFile(config.runtimeDirectory);
  const { registry, owed } = makePrograms({
    config,
    newId,
    mayWrite: () => lifecycle.state === "running",
    log: logOf("hooks"),
  });
  const metrics = new Metrics();
  const components: Components = {
    ...{ runtime, config, libc, idle, tracker, ports, registry, owed },
    ...{ observer, hostClocks, program, generationFile, queue },
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
    ownPorts: () => listeners.ports,
    freezerUrl: options.freezerUrl,
    recover() {
      lifecycle.recover({ trigger: "evidence" })
        .catch(failed("the recovery failed"));
    },
    onError: failed("a step failed after its end"),
  };

  // Before the agent listens: what a killed agent froze must not stay frozen.
  const repaired = await repairAfterCrash(
    journalDirectory(config.runtimeDirectory),
    createRepairers(components),
  );
  for (const one of repaired) log.warn(REPAIRED[one.status], { ...one });

  const spine = createLifecycle(components, { metrics, guard, newId, failed });
  const { evidence, plan } = spine;
  const lifecycle: Lifecycle = spine.lifecycle;
  const { healthRecovers } = config;
  const healthMayRecover = () =>
    healthRecovers === "always" ||
    (healthRecovers === "restored" && wasPaused(observer));
  const app = createApp({
    ...{ lifecycle, runtime, tracker, ports, metrics, guard, repaired, owed },
    newId,
    log: logOf("http"),
    bodyLimitBytes: config.bodyLimitBytes,
    tokenNeeded: config.tokenFile !== "",
    healthMayRecover,
  });

  const selfCall = new SelfCall(libc, () => listeners.ports);
  const warmUp = new WarmUp({
    queue,
    dryRun: () =>
      dryRun({
        ...{ plan, evidence, queue },
        onRunning: () => generationFile.ready(),
        askHealth() {
          const end = tracker.endWithReply((peer) => selfCall.isFrom(peer));
          return selfCall.ask().finally(end);
        },
      }),
    program: config.pageOut !== "never" && canPageOut(libc)
      ? program
      : undefined,
    warn: (why) => log.warn("a recovery will not be whole", { why }),
    onError: failed("the first recovery will be slower than later ones"),
  });

  const listens = (at: readonly string[], port: number) =>
    log.info("listening", {
      ...{ at, port, version: VERSION },
      runtime: `${runtime.name} ${runtime.version}`,
    });
  await listeners.open(addressesOf(config), {
    onError: failed("the server had an error"),
    onListenAgain: () => tracker.listen(),
    onAppeared(address, port) {
      tracker.listen();
      listens([address], port);
    },
    fetch: tracker.wrap(async (request, exchange) => {
      idle.worked();
      if (request.method === "POST") await warmUp.ended();
      const isSelfCall = selfCall.isFrom(exchange.peer);
      const response = await app.fetch(request, { exchange, isSelfCall });
      warmUp.replied();
      return response;
    }),
  });
  tracker.listen();
  sweeper.start();
  ports?.start();
  idle.worked();
  warmUp.start();
  const hooksSocket = await listenForPrograms({
    runtime,
    path: config.hooksSocket,
    registry,
    log,
  });
  shutDownOnSignal({
    ...{ lifecycle, tracker },
    // If a part of this fails, the process ends nevertheless.
    async close() {
      queue.flush();
      await ports?.stop().catch(failed("the forwarder did not stop"));
      try {
        hooksSocket?.close();
        listeners.stop();
      } catch (error) {
        failed("a server did not stop")(error);
      }
    },
  });
  const { addresses, ports: [port], missing } = listeners;
  if (missing.length > 0) {
    log.warn("waiting for addresses that this machine does not have yet", {
      at: missing,
    });
  }
  if (addresses.length > 0) listens(addresses, port);
  // Also if all addresses are missing: the boot of the machine may wait for this message.
  await tellReady(libc, log, statusOf(addresses, missing));
}

/** The status for the service manager. */
function statusOf(
  addresses: readonly string[],
  missing: readonly string[],
): string {
  return [
    ...addresses.length > 0 ? [`listening on ${addresses.join(", ")}`] : [],
    ...missing.length > 0 ? [`waiting for ${missing.join(", ")}`] : [],
  ].join("; ");
}

function makePorts(
  { runtime, config, forwarderUrl }: ServeOptions,
  listeners: Listeners,
  queue: DeferredQueue,
): PortSubsystem {
  return new PortSubsystem({
    queue,
    scanIntervalMs: config.scanIntervalMs,
    forwardAddress: config.forwardAddress,
    ownPorts: () => listeners.ports,
    workerUrl: forwarderUrl,
    runtime,
    log: logOf("ports"),
  });
}
