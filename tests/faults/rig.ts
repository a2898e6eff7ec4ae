/**
 * The real plan with the real steps in this process, and a fault in one place.
 */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import process from "node:process";
import { createMailbox } from "../../src/agent/mailbox.ts";
import { createSteps } from "../../src/agent/steps.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { EvidenceObserver } from "../../src/evidence/observer.ts";
import { Lifecycle } from "../../src/lifecycle/lifecycle.ts";
import { PrepareFailed } from "../../src/lifecycle/recovery.ts";
import { type Plan, plan } from "../../src/lifecycle/make_plan.ts";
import type { StepReport } from "../../src/lifecycle/reports.ts";
import { type Libc, loadLibc } from "../../src/linux/libc.ts";
import {
  type Components,
  createComponents,
} from "../../src/agent/components.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { filesystemStep } from "../../src/steps/filesystem.ts";
import type { DeferredQueue } from "../../src/util/deferred_queue.ts";
import { deferred } from "../support/deferred.ts";
import { script, temporary } from "../support/hooks.ts";
import { masksOf } from "../support/proc.ts";
import { ask } from "../support/raw.ts";

/** What a rig may be made with. */
export interface RigOptions {
  /** In place of the real one. */
  readonly libc?: Libc;
  /** Puts a fault into one of the steps or repairs. */
  readonly spoil?: (plan: Plan) => Plan;
  readonly flags?: string[];
}

/** A whole agent, but for its process. */
export class Rig {
  readonly lifecycle: Lifecycle;
  /** The whole plan, with the fault in it. */
  readonly plan: Plan;
  readonly queue: DeferredQueue;
  readonly runtimeDirectory: string;
  readonly #components: Components;
  readonly #directory: ReturnType<typeof temporary>;
  readonly #masks = masksOf(process.pid);

  private constructor(
    components: Components,
    directory: ReturnType<typeof temporary>,
    spoil: RigOptions["spoil"] = (plan) => plan,
  ) {
    const { libc, queue, config } = components;
    this.#components = components;
    this.#directory = directory;
    const parts = {
      ...createSteps(components),
      // The disks of this machine are busy with other things.
      filesystem: filesystemStep(
        libc.dlsym && (() => Promise.resolve({ mounts: [] })),
      ),
    };
    let id = 0;
    this.queue = queue;
    this.runtimeDirectory = config.runtimeDirectory;
    this.plan = spoil(plan(parts, config));
    this.lifecycle = new Lifecycle({
      plan: this.plan,
      leaseSeconds: 600,
      newId: () => `op-${++id}`,
      onPrepare: () => queue.flush(),
      onSettled: () => queue.schedule(),
    });
  }

  /** Starts it with a script as its hook, and a server that answers. */
  static async start(options: RigOptions = {}): Promise<Rig> {
    const real = await loadRuntime();
    // Hundreds of rounds: real collections would take most of the time.
    const runtime = { ...real, collect: () => Promise.resolve(true) };
    const libc = options.libc ?? loadLibc(runtime);
    const directory = temporary();
    const hooks = `${directory.path}/hooks`;
    mkdirSync(hooks);
    script(`${hooks}/ok`, "#!/bin/sh\n");
    const parsed = parseConfig(
      [
        `--runtime-directory=${directory.path}/run`,
        `--hook-directories=${hooks}`,
        "--no-freeze-all-mounts",
        "--drop-caches=off",
        "--no-compact-memory",
        "--zero-memory-mib=0",
        "--no-forward-ports",
        ...options.flags ?? [],
      ],
      {},
      () => "{}",
    );
    assert.ok(parsed.kind === "serve");
    const mailbox = `${directory.path}/mailbox`;
    writeFileSync(mailbox, "");
    const components = createComponents({
      ...{ runtime, libc, config: parsed.config, queue: deferred() },
      mailbox: createMailbox(libc, { mailbox, bodyLimitBytes: 1000 }),
      forwarderUrl: new URL("forwarder:not-started"),
      freezerUrl: new URL("../../src/linux/freezer_worker.ts", import.meta.url),
      lifecycle: () => rig.lifecycle,
    });
    const rig = new Rig(
      {
        ...components,
        observer: new EvidenceObserver({
          ...{ libc, runtime },
          clocks: [],
          onError() {},
          // A watch on the real one would keep this process alive.
          openLog: () => {
            throw new Error("no log in this test");
          },
        }),
      },
      directory,
      options.spoil,
    );
    const { listeners, tracker } = components;
    await listeners.open([{ host: "127.0.0.1", port: 0 }], {
      fetch: tracker.wrap(() => Promise.resolve(new Response("here"))),
    });
    return rig;
  }

  /** The port of its server. */
  get port(): number {
    return this.#components.listeners.ports[0];
  }

  /** A whole round; gives the reports of both ways, or of a failed prepare. */
  async round(): Promise<{ held: boolean; reports: StepReport[] }> {
    try {
      const operation = await this.lifecycle.prepare();
      await this.lifecycle.settle(operation);
      const { recovery } = await this.lifecycle.recover({ trigger: "health" });
      return {
        held: true,
        reports: [...operation.reports, ...recovery!.steps],
      };
    } catch (error) {
      if (!(error instanceof PrepareFailed)) throw error;
      const { operation, undo } = error;
      return { held: false, reports: [...operation.reports, ...undo.steps] };
    }
  }

  /** Nothing is left of a round: state, threads, connections, timers. */
  async assertAsBefore(): Promise<void> {
    assert.equal(this.lifecycle.state, "running");
    assert.equal(this.lifecycle.lease.left, 0);
    assert.ok(this.#components.tracker.keepAlive, "connections are kept alive");
    const known = new Set(this.#masks.values());
    for (const [thread, mask] of masksOf(process.pid)) {
      const before = this.#masks.get(thread);
      if (before === undefined) {
        assert.ok(known.has(mask), `${thread}: ${mask}`);
      } else assert.equal(mask, before, `thread ${thread}`);
    }
    assert.equal((await ask(this.port, "GET", "/")).body, "here");
  }

  end(): void {
    this.#components.sweeper.stop();
    this.#components.timers[Symbol.dispose]();
    this.#components.listeners.stop();
    this.#directory.remove();
  }
}

/** Reports that say of something that it did not go well. */
export function bad(reports: readonly StepReport[]): string[] {
  return reports
    .filter(({ status }) => status !== "done" && status !== "skipped")
    .map(({ name, status }) => `${name} ${status}`);
}
