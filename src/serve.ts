/**
 * Puts the agent together and serves until a signal ends it.
 * @module
 */
import process from "node:process";
import { createApp } from "./app.ts";
import {
  journalDirectory,
  makeParts,
  makeRepairers,
  type Materials,
} from "./compose.ts";
import type { Config } from "./config.ts";
import { EvidenceObserver } from "./evidence.ts";
import { lookForEvidence, stoodStill } from "./evidence_check.ts";
import { listenForPrograms } from "./hooks/programs.ts";
import { HookRegistry } from "./hooks/registry.ts";
import { repairAfterCrash } from "./lifecycle/journal.ts";
import { LateRepairs } from "./lifecycle/late.ts";
import { Lifecycle } from "./lifecycle/lifecycle.ts";
import { plan } from "./lifecycle/plan.ts";
import { messageOf } from "./lifecycle/step.ts";
import { loadLibc } from "./linux/libc.ts";
import { showUnsentConnections } from "./linux/listen.ts";
import { isLocalAddress } from "./linux/local_addresses.ts";
import { canPageOut, pageOutFiles } from "./linux/memory_page_out.ts";
import { randomId } from "./linux/random.ts";
import { holdLog, type Log, logOf, releaseLog, setupLog } from "./log.ts";
import { IdleCollector } from "./memory/idle_collector.ts";
import { Metrics } from "./metrics.ts";
import { PortSubsystem } from "./ports/subsystem.ts";
import type { Runtime } from "./runtime/types.ts";
import { Guard } from "./server/guard.ts";
import { ConnectionKeeper } from "./server/keeper.ts";
import { addressesOf, Listeners } from "./server/listeners.ts";
import { Sweeper } from "./server/sweeper.ts";
import { TokenFile } from "./server/token.ts";
import { wasReseeded } from "./steps/entropy.ts";
import { readGeneration, tryPublishing } from "./steps/generation.ts";
import { VERSION } from "./version.ts";

/** What the agent is made from. */
export interface ServeOptions {
  readonly runtime: Runtime;
  readonly config: Config;
  /** Why the process could not be prepared as it should, if it could not. */
  readonly degraded: string | undefined;
  /** The modules of the threads that forward ports and freeze mounts. */
  readonly forwarderUrl: URL;
  readonly freezerUrl: URL;
}

/** Starts the agent; resolves once it listens. */
export async function serve(options: ServeOptions): Promise<void> {
  const { runtime, config } = options;
  setupLog({ level: config.logLevel, format: config.logFormat });
  const log = logOf("main");
  const failed = (what: string) => (error: unknown) =>
    log.error(what, { error: messageOf(error) });
  if (options.degraded !== undefined) {
    log.warn("the process could not be prepared", { why: options.degraded });
  }
  const libc = loadLibc(runtime);
  if (libc.getpeername === undefined) {
    log.warn(
      "the C library could not be loaded: steps that need it are skipped",
    );
  }

  const listeners = new Listeners(runtime);
  const listening = () => listeners;
  const idle = new IdleCollector({
    collect: (signal) => runtime.collect(signal),
    onError: failed("the idle collection failed"),
  });
  const keeper = new ConnectionKeeper({
    libc,
    listening,
    maxRequestsPerConnection: config.maxRequestsPerConnection,
    closeIdle: () => listeners.closeIdle(),
    onError: failed("the work after a reply failed"),
  });
  const sweeper = new Sweeper({
    libc,
    listening,
    keeper,
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
  const ports = config.forwardPorts ? makePorts(options, listeners) : undefined;
  const observer = new EvidenceObserver({
    libc,
    onError: failed("the kernel's log can no longer be watched"),
  });
  const registry = new HookRegistry({
    limitMs: config.hookLimitMs,
    fixed: config.hooks,
    newId: randomId,
  });
  const metrics = new Metrics();
  const materials: Materials = {
    ...{ runtime, config, libc, idle, keeper, sweeper, ports, registry },
    observer,
    ownPorts: () => listeners.ports,
    freezerUrl: options.freezerUrl,
    recover: () => void lifecycle.recover("evidence"),
    onError: failed("a step failed after its end"),
  };

  // Before anything listens: nothing that a killed agent froze stays frozen.
  const repaired = await repairAfterCrash(
    journalDirectory(config.runtimeDirectory),
    makeRepairers(materials),
  );
  for (const one of repaired) {
    log.warn("took back what a killed agent had left", { ...one });
  }

  const parts = makeParts(materials);
  const late = new LateRepairs({ ...parts, wasReseeded });
  const lifecycle: Lifecycle = new Lifecycle({
    plan: plan(parts),
    leaseSeconds: config.lease,
    newId: randomId,
    generation: lastGeneration(config.runtimeDirectory, log),
    evidence: () => lookForEvidence(observer),
    onQuiet: holdLog,
    onRunning(operation, recovery, request) {
      const held = operation.quiescedMs !== undefined;
      metrics.ended(operation, recovery);
      if (held) late.note(recovery, request);
      releaseLog();
      const { steps, ...rest } = recovery;
      logOf("lifecycle")[held ? "info" : "error"](
        held ? "recovered" : "prepare undone",
        { ...rest, prepare: operation.reports, recovery: steps },
      );
    },
  });
  const app = createApp({
    ...{ lifecycle, runtime, keeper, ports, metrics, late, repaired, guard },
    log: logOf("http"),
    bodyLimitBytes: config.bodyLimitBytes,
    healthMayRecover: () =>
      config.healthRecovers === "always" || stoodStill(observer),
  });

  await listeners.open(addressesOf(config), {
    onError: failed("a request failed"),
    fetch: keeper.wrap(async (request, exchange) => {
      idle.worked();
      return await app.fetch(request, { exchange });
    }),
  });
  for (const port of listeners.ports) showUnsentConnections(libc, port);
  sweeper.start();
  ports?.start();
  idle.worked();
  const hooksSocket = await listenForPrograms({
    runtime,
    path: config.hooksSocket,
    registry,
    log,
  });
  endOnSignal(lifecycle, async () => {
    await ports?.stop();
    hooksSocket?.close();
    listeners.stop();
  });
  log.info("listening", {
    at: listeners.addresses,
    port: listeners.ports[0],
    version: VERSION,
    runtime: `${runtime.name} ${runtime.version}`,
  });
  // Most of the runtime has run for the last time: no snapshot shall carry it.
  if (config.pageOut !== "never" && canPageOut(libc)) pageOutFiles(libc);
  warnOfPublishing(config.runtimeDirectory, log);
}

function makePorts(
  { runtime, config, forwarderUrl }: ServeOptions,
  listeners: Listeners,
): PortSubsystem {
  return new PortSubsystem({
    scanIntervalMs: config.scanIntervalMs,
    forwardAddress: config.forwardAddress,
    ownPorts: () => listeners.ports,
    workerUrl: forwarderUrl,
    runtime,
    log: logOf("ports"),
  });
}

/** The generation of a killed or restarted agent goes on. */
function lastGeneration(directory: string, log: Log): number {
  try {
    return readGeneration(directory)?.generation ?? 0;
  } catch (error) {
    log.error("the generation starts at 0 again", { error: messageOf(error) });
    return 0;
  }
}

/** Here a host can still do something about it; at a recovery it is late. */
function warnOfPublishing(directory: string, log: Log): void {
  try {
    tryPublishing(directory);
  } catch (error) {
    log.warn("no generation can be published", { error: messageOf(error) });
  }
}

/** How long the end waits for a step that was given up, in milliseconds. */
const END_LIMIT_MS = 5000;

/** A quiesced guest recovers before its agent ends. */
function endOnSignal(lifecycle: Lifecycle, end: () => Promise<void>): void {
  let ending = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, async () => {
      if (ending) return;
      ending = true;
      await lifecycle.recover("signal");
      await lifecycle.rest(END_LIMIT_MS);
      await end();
      logOf("main").info("ended", { signal });
      process.exit(0);
    });
  }
}
