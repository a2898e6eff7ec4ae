/**
 * Puts the agent together and serves until a signal ends it.
 * @module
 */
import process from "node:process";
import { type Agent, createApp } from "./app.ts";
import type { Config } from "./config.ts";
import { Lifecycle } from "./lifecycle/lifecycle.ts";
import { plan } from "./lifecycle/plan.ts";
import { type Libc, loadLibc } from "./linux/libc.ts";
import { showUnsentConnections } from "./linux/listen.ts";
import { randomId } from "./linux/random.ts";
import { syncFilesystems } from "./linux/sync.ts";
import { holdLog, logOf, releaseLog, setupLog } from "./log.ts";
import { IdleCollector } from "./memory/idle_collector.ts";
import { Metrics } from "./metrics.ts";
import { PortSubsystem } from "./ports/subsystem.ts";
import type { Runtime, RuntimeServer } from "./runtime/types.ts";
import { ConnectionKeeper } from "./server/keeper.ts";
import { Sweeper } from "./server/sweeper.ts";
import { collectStep } from "./steps/collect.ts";
import { connectionsStep } from "./steps/connections.ts";
import { filesystemStep } from "./steps/filesystem.ts";
import { parallelismStep } from "./steps/parallelism.ts";
import { portsStep } from "./steps/ports.ts";
import { VERSION } from "./version.ts";

/** What the agent is made from. */
export interface ServeOptions {
  readonly runtime: Runtime;
  readonly config: Config;
  /** Why the process could not be prepared as it should, if it could not. */
  readonly degraded: string | undefined;
  /** The module that the forwarder's thread runs. */
  readonly forwarderUrl: URL;
}

/** Starts the agent; resolves once it listens. */
export async function serve(options: ServeOptions): Promise<void> {
  const { runtime, config } = options;
  setupLog({ level: config.logLevel, format: config.logFormat });
  const log = logOf("main");
  if (options.degraded !== undefined) {
    log.warn("the process could not be prepared", { why: options.degraded });
  }
  const libc = loadLibc(runtime);
  if (libc.getpeername === undefined) {
    log.warn(
      "the C library could not be loaded: steps that need it are skipped",
    );
  }

  let server: RuntimeServer | undefined;
  const port = () => server?.port ?? 0;
  const failed = (what: string) => (error: unknown) =>
    log.error(what, { error: String(error) });
  const idle = new IdleCollector({
    collect: (signal) => runtime.collect(signal),
    onError: failed("the idle collection failed"),
  });
  const keeper = new ConnectionKeeper({
    libc,
    port,
    closeIdle: () => server?.closeIdle(),
    onError: failed("the work after a reply failed"),
  });
  const sweeper = new Sweeper({
    libc,
    keeper,
    log: logOf("connections"),
    ...config,
  });
  const ports = config.forwardPorts ? makePorts(options, port) : undefined;
  const metrics = new Metrics();
  const lifecycle = makeLifecycle(
    { runtime, config, libc, idle, keeper, sweeper, ports, metrics },
  );
  const app = createApp({
    lifecycle,
    runtime,
    keeper,
    ports,
    metrics,
    log: logOf("http"),
    bodyLimitBytes: config.bodyLimitBytes,
    healthMayRecover: () => config.healthRecovers === "always",
  });

  server = await runtime.serve({
    host: config.host,
    port: config.port,
    fetch: keeper.wrap(async (request, exchange) => {
      idle.worked();
      return await app.fetch(request, { exchange });
    }),
  });
  showUnsentConnections(libc, server.port);
  sweeper.start();
  ports?.start();
  idle.worked();
  endOnSignal(lifecycle, server, ports);
  log.info("listening", {
    host: config.host,
    port: server.port,
    version: VERSION,
    runtime: `${runtime.name} ${runtime.version}`,
  });
}

interface Parts {
  readonly runtime: Runtime;
  readonly config: Config;
  readonly libc: Libc;
  readonly idle: IdleCollector;
  readonly keeper: ConnectionKeeper;
  readonly sweeper: Sweeper;
  readonly ports: PortSubsystem | undefined;
  readonly metrics: Metrics;
}

function makeLifecycle(parts: Parts): Lifecycle {
  const { runtime, config, libc, idle, keeper, sweeper, metrics } = parts;
  const log = logOf("lifecycle");
  return new Lifecycle({
    plan: plan({
      ports: portsStep(parts.ports),
      filesystem: filesystemStep((signal) => syncFilesystems(libc, signal)),
      connections: connectionsStep(keeper, sweeper),
      collect: collectStep((signal) => runtime.collect(signal), idle),
      parallelism: parallelismStep(libc),
    }),
    leaseSeconds: config.lease,
    newId: randomId,
    onQuiet: holdLog,
    onRunning(operation, recovery) {
      metrics.ended(operation, recovery);
      releaseLog();
      const held = operation.quiescedMs !== undefined;
      log[held ? "info" : "error"](held ? "recovered" : "prepare undone", {
        ...recovery,
        steps: undefined,
        prepare: operation.reports,
        recovery: recovery.steps,
      });
    },
  });
}

function makePorts(
  { runtime, config, forwarderUrl }: ServeOptions,
  port: () => number,
): PortSubsystem {
  return new PortSubsystem({
    scanIntervalMs: config.scanIntervalMs,
    forwardAddress: config.forwardAddress,
    ownPorts: () => [port()],
    workerUrl: forwarderUrl,
    runtime,
    log: logOf("ports"),
  });
}

/** A quiesced guest recovers before its agent ends. */
function endOnSignal(
  lifecycle: Lifecycle,
  server: RuntimeServer,
  ports: Agent["ports"] & { stop?(): Promise<unknown> } | undefined,
): void {
  let ending = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, async () => {
      if (ending) return;
      ending = true;
      await lifecycle.recover("signal");
      await ports?.stop?.();
      server.stop();
      logOf("main").info("ended", { signal });
      process.exit(0);
    });
  }
}
