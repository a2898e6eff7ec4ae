/**
 * What the agent should be in: the model. After every command the real one is
 * compared with it.
 */
import assert from "node:assert/strict";
import type { Kind, RecoverRequest } from "../../src/lifecycle/request.ts";
import { assertPaired } from "../support/hook_log.ts";
import { until } from "../support/until.ts";
import type { Status } from "./documents.ts";
import type { World } from "./world.ts";

/** Seconds of the agent's own lease. */
export const LEASE = 600;
/** Milliseconds that two looks at one clock may differ by. */
const CLOCK_MS = 20;

/** What we know; undefined where both answers are right. */
export interface Model {
  quiesced: boolean;
  /** True once the settle is known to be over. */
  settled: boolean;
  generation: number;
  /** Of the operation under way, or the last one. */
  operation: string | undefined;
  /** The kind of snapshot of the operation under way. */
  kind: Kind | undefined;
  /** How the last recovery came about, where the model has caused it. */
  trigger: string | undefined;
  outcome: string | undefined;
  /** Seconds of the lease under way, as they were asked for last. */
  lease: number | undefined;
  /** The lease lasts at least until then, by performance.now(). */
  leaseUntil: number;
  /** A hook refuses every freeze. */
  refuses: boolean;
  /** A program that has registered: whether it lives, and must take part. */
  program: { lives: boolean; required: boolean } | undefined;
  /** That program had died at the last thaw, which may fail then. */
  thawFails: boolean;
  /** A host requires new entropy, and the guest has got some since. */
  entropy: { required: boolean; reseeded: boolean };
}

/** The model of an agent that was just reset. */
export function modelOf(status: Status): Model {
  return {
    quiesced: false,
    settled: false,
    generation: status.generation,
    operation: undefined,
    kind: undefined,
    trigger: undefined,
    outcome: undefined,
    lease: undefined,
    leaseUntil: 0,
    refuses: false,
    program: undefined,
    thawFails: false,
    entropy: { required: false, reseeded: false },
  };
}

/** Whether a prepare fails by its hooks. */
export function isRefused({ refuses, program }: Model): boolean {
  return refuses || (program?.required === true && !program.lives);
}

/** Moves the model into a prepare that holds. */
export function quiesced(
  model: Model,
  operation: string | undefined,
  lease = LEASE,
  sentAt = performance.now(),
  kind: Kind = "full",
): void {
  model.quiesced = true;
  model.kind = kind;
  model.settled = false;
  model.operation = operation;
  model.lease = lease;
  model.leaseUntil = sentAt + lease * 1000;
}

/** Moves the model over a renewal: it never makes the lease shorter. */
export function renewed(
  model: Model,
  lease: number | undefined,
  sentAt: number,
): void {
  const seconds = lease ?? model.lease;
  if (seconds === undefined) return;
  if (model.lease !== undefined) model.lease = Math.max(model.lease, seconds);
  model.leaseUntil = Math.max(model.leaseUntil, sentAt + seconds * 1000);
}

/** Moves the model over a prepare that did not hold. */
export function undone(
  model: Model,
  operation: string | undefined,
  trigger: string,
): void {
  model.operation = operation;
  model.trigger = trigger;
  model.outcome = trigger === "lease" ? "expired" : "aborted";
  model.thawFails = model.program?.lives === false;
}

/** Moves the model over a recovery. */
export function recovered(
  model: Model,
  trigger: string,
  outcome = "resumed",
  request: Pick<RecoverRequest, "requireEntropy"> & { entropy?: unknown } = {},
): void {
  if (!model.quiesced) return;
  const { required, reseeded } = model.entropy;
  model.quiesced = false;
  model.settled = false;
  model.generation++;
  model.trigger = trigger;
  model.outcome = outcome;
  model.lease = undefined;
  model.thawFails = model.program?.lives === false;
  model.entropy = {
    required: request.requireEntropy ?? (required && !reseeded),
    reseeded: request.entropy !== undefined,
  };
}

/** Whether health is 503 until the host sends entropy. */
export function lacksEntropy({ entropy }: Model): boolean {
  return entropy.required && !entropy.reseeded;
}

/** Compares the real agent, and the kernel's word on it, with the model. */
export async function verify(model: Model, world: World): Promise<void> {
  const status = await world.status();
  const now = performance.now();
  const { state, generation, keepAlive, lease, ports } = status;
  assert.equal(state, model.quiesced ? "quiesced" : "running", "state");
  assert.equal(generation, model.generation, "generation");
  /** A snapshot of the disk leaves the agent itself as it is. */
  const rests = model.quiesced && model.kind !== "disk";
  assert.equal(keepAlive, !rests, "keep-alive");
  if (model.settled) assert.ok(status.settled, "settled");
  if (!model.quiesced) assert.ok(!status.settled, "settled while running");
  if (model.operation !== undefined) {
    assert.equal(status.operation?.operation, model.operation, "operation");
  }
  if (rests) {
    assert.equal(ports?.state, "stopped", "port subsystem");
    assert.deepEqual(ports?.ports, [], "forwarded ports");
    for (const port of world.servers.ports) {
      assert.ok(
        !await world.servers.forwards(port),
        `port ${port} is forwarded`,
      );
    }
  } else await portsStarted(world);
  if (model.quiesced) {
    assert.equal(status.operation?.kind, model.kind, "kind");
    assert.ok(lease.left > 0, "the lease runs");
    const least = (model.leaseUntil - now - CLOCK_MS) / 1000;
    assert.ok(lease.left >= least, `lease: ${lease.left} s left, not ${least}`);
    if (model.lease !== undefined) {
      assert.equal(lease.seconds, model.lease, "lease");
      assert.ok(lease.left <= model.lease, "lease left");
    }
  } else {
    assert.equal(lease.left, 0, "no lease runs");
    const { program } = world.programs;
    if (program.lives) assertPaired(program);
  }
  verifyReports(model, status);
  verifyMasks(model, world);
}

/**
 * Waits until the port subsystem is started again. A busy machine ends its thread late; if the prepare
 * was aborted meanwhile, the undo of the step comes after that, later than the recovery.
 */
async function portsStarted(world: World): Promise<void> {
  await until("the port subsystem", async () => {
    const { ports } = await world.status();
    return ports?.state !== "stopped";
  });
}

function verifyReports(model: Model, status: Status): void {
  const { lastRecovery, operation } = status;
  if (model.trigger !== undefined) {
    assert.equal(lastRecovery?.trigger, model.trigger, "trigger");
    assert.equal(lastRecovery?.outcome, model.outcome, "outcome");
  }
  for (const step of lastRecovery?.steps ?? []) {
    const { name, status } = step;
    if (name === "hooks" && model.thawFails) continue;
    assert.ok(
      ["done", "skipped"].includes(status),
      `undo of ${name}: ${status}`,
    );
  }
  if (!model.quiesced) return;
  for (const { name, status } of operation?.steps ?? []) {
    assert.ok(["done", "skipped"].includes(status), `step ${name}: ${status}`);
  }
}

function verifyMasks(model: Model, world: World): void {
  if (!world.canPin) return;
  const { masks } = world;
  const pins = model.settled && model.kind !== "disk";
  if (pins) assert.equal(masks, "pinned", "threads");
  const frees = !model.quiesced || model.kind === "disk";
  if (frees) assert.equal(masks, "free", "threads");
}
