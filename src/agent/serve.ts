/**
 * Builds the agent and serves until a signal ends it. The order of the lines is the order of the
 * start.
 * @module
 */
import process from "node:process";
import type { Exchange } from "../connections/exchange.ts";
import { wasPaused } from "../evidence/check.ts";
import { listenForPrograms } from "../hooks/socket.ts";
import { createApp } from "../http/app.ts";
import { repairAfterCrash } from "../lifecycle/repair_after_crash.ts";
import type { Lifecycle } from "../lifecycle/lifecycle.ts";
import type { Repaired } from "../lifecycle/reports.ts";
import { loadLibc } from "../linux/libc.ts";
import { randomId } from "../linux/random.ts";
import { holdLog, type Log, logOf, releaseLog, setupLog } from "../log/mod.ts";
import { DeferredQueue } from "../util/deferred_queue.ts";
import { SelfCall } from "../warm_up/self_call.ts";
import {
  type Components,
  type ComponentsOptions,
  createComponents,
  failed,
} from "./components.ts";
import { claimRuntimeDirectory } from "./instance.ts";
import { createLifecycle } from "./lifecycle.ts";
import { listen, logAddresses } from "./listen.ts";
import { shutDownOnSignal } from "./shutdown.ts";
import { createRepairers, journalDirectory } from "./repairers.ts";
import { surviveErrors } from "./survive.ts";
import { createWarmUp } from "./warm_up.ts";

/** What the agent is made from. */
export interface ServeOptions extends
  Omit<
    ComponentsOptions,
    "libc" | "queue" | "lifecycle" | "mailbox" | "createPorts"
  > {
  /** Why the process could not be prepared; undefined if it was. */
  readonly degraded: string | undefined;
}

/** The log message for each change that a killed agent left. */
const REPAIRED = {
  repaired: "undid what a killed agent had left",
  owed: "hooks are owed the thaw that a killed agent did not call",
  failed: "could not undo what a killed agent had left",
  corrupt: "could not read what a killed agent had left",
} as const satisfies Record<Repaired["status"], string>;

/** Starts the agent; resolves once it listens. */
export async function serve(options: ServeOptions): Promise<void> {
  const { runtime, config } = options;
  const libc = loadLibc(runtime);
  const { JOURNAL_STREAM: journalStream } = process.env;
  const { logLevel: level, logFormat: format } = config;
  setupLog({ level, format, libc, journalStream });
  const log = logOf("main");
  // The log may be a file on a disk that a killed agent left frozen: a line that is written before
  // the thaw would block this process for ever.
  holdLog();
  // First of all: a second agent must not touch what the first one has changed.
  claimRuntimeDirectory(libc, config.runtimeDirectory, log);
  surviveErrors(log);
  warnOfLimits(log, options.degraded, libc.errno !== undefined);

  const components = createComponents({
    ...{ ...options, libc },
    // If no port is forwarded, this code is not loaded.
    createPorts: config.forwardPorts
      ? (await import("./ports.ts")).createPorts
      : undefined,
    // Without a mailbox, this code is not loaded.
    mailbox: config.mailbox === ""
      ? undefined
      : (await import("./mailbox.ts")).createMailbox(libc, config),
    queue: new DeferredQueue(failed("deferred work failed")),
    lifecycle: () => lifecycle,
  });
  // Before the agent listens: what a killed agent froze must not stay frozen.
  const repaired = await repairAfterCrash(
    journalDirectory(config.runtimeDirectory),
    createRepairers(components),
  );
  releaseLog();
  for (const one of repaired) log.warn(REPAIRED[one.status], { ...one });

  const made = createLifecycle(components);
  const lifecycle: Lifecycle = made.lifecycle;
  const selfCall = new SelfCall(libc, components.ownPorts);
  const warmUp = createWarmUp(components, made, selfCall);
  const agent = {
    ...{ ...components, lifecycle, repaired, newId: randomId },
    log: logOf("http"),
    bodyLimitBytes: config.bodyLimitBytes,
    workingSet: config.publishWorkingSet
      ? await workingSetOf(components)
      : undefined,
    async replyWay(exchange: Exchange) {
      const { replyWay } = await import("../connections/reply_way.ts");
      return replyWay(libc, () => components.tracker.list(), exchange);
    },
    tokenNeeded: config.tokenFile !== "",
    healthMayRecover: () =>
      config.healthRecovers === "always" ||
      (config.healthRecovers === "restored" && wasPaused(components.observer)),
  };
  // Without a dialect, this code is not loaded.
  const dialects = config.dialects.length > 0
    ? await (await import("./dialects.ts")).createDialects(
      components,
      agent,
      async () => {
        components.idle.worked();
        await warmUp.ended();
      },
    )
    : undefined;
  const app = dialects?.app ?? createApp(agent);

  await listen(components, {
    ...{ app, warmUp, selfCall },
    dialectApps: dialects?.apps,
  });
  components.sweeper.start();
  components.ports?.start();
  components.idle.worked();
  warmUp.start();
  const hooksSocket = await listenForPrograms({
    ...{ runtime, log, registry: components.registry },
    path: config.hooksSocket,
  });
  try {
    components.ready.open();
  } catch (error) {
    failed("no program can wait for a recovery")(error);
  }
  const closeDialects = await dialects?.open();
  shutDownOnSignal(components, { lifecycle, hooksSocket, closeDialects });
  logAddresses(components);
  // Without a service manager that waits for it, this code is not loaded.
  if (process.env.NOTIFY_SOCKET) {
    const { tellServiceManager } = await import("./service_manager.ts");
    tellServiceManager(components, process.env.NOTIFY_SOCKET);
  }
}

async function workingSetOf({ program }: Components) {
  const { publishedSet } = await import("../memory/published_set.ts");
  return () => publishedSet((address) => program.neededAt(address));
}

function warnOfLimits(
  log: Log,
  degraded: string | undefined,
  hasLibc: boolean,
): void {
  if (degraded !== undefined) {
    log.warn("the process could not be prepared", { why: degraded });
  }
  if (!hasLibc) {
    log.warn(
      "the C library could not be loaded: steps that need it are skipped",
    );
  }
}
