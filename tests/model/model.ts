/**
 * What the agent should be in, told in a dozen lines: the model. After every
 * command the real one is compared with it.
 */
import assert from "node:assert/strict";
import type { Status } from "./documents.ts";
import type { World } from "./world.ts";

/** What we know; undefined where both answers are right. */
export interface Model {
  quiesced: boolean;
  /** True once the settle is known to be over. */
  settled: boolean;
  generation: number;
  /** Of the operation under way, or the last one. */
  operation: string | undefined;
  /** How the last recovery came about, where the model has caused it. */
  trigger: string | undefined;
  outcome: string | undefined;
  /** Seconds of the lease under way. */
  lease: number | undefined;
  /** A hook refuses every freeze. */
  refuses: boolean;
}

/** The model of an agent that was just reset. */
export function modelOf(status: Status): Model {
  return {
    quiesced: false,
    settled: false,
    generation: status.generation,
    operation: undefined,
    trigger: undefined,
    outcome: undefined,
    lease: undefined,
    refuses: false,
  };
}

/** Moves the model over a recovery. */
export function recovered(
  model: Model,
  trigger: string,
  outcome = "resumed",
): void {
  if (!model.quiesced) return;
  model.quiesced = false;
  model.settled = false;
  model.generation++;
  model.trigger = trigger;
  model.outcome = outcome;
  model.lease = undefined;
}

/** Compares the real agent, and the kernel's word on it, with the model. */
export async function verify(model: Model, world: World): Promise<void> {
  const status = await world.status();
  const { state, generation, keepAlive, lease, ports } = status;
  assert.equal(state, model.quiesced ? "quiesced" : "running", "state");
  assert.equal(generation, model.generation, "generation");
  assert.equal(keepAlive, !model.quiesced, "keep-alive");
  if (model.settled) assert.ok(status.settled, "settled");
  if (!model.quiesced) assert.ok(!status.settled, "settled while running");
  if (model.operation !== undefined) {
    assert.equal(status.operation?.operation, model.operation, "operation");
  }
  if (model.quiesced) {
    assert.equal(ports?.state, "stopped", "port subsystem");
    assert.deepEqual(ports?.ports, [], "forwarded ports");
    for (const port of world.servers.keys()) {
      assert.ok(!world.forwards(port), `port ${port} is forwarded`);
    }
    assert.ok(lease.left > 0, "the lease runs");
    if (model.lease !== undefined) {
      assert.equal(lease.seconds, model.lease, "lease");
      assert.ok(lease.left <= model.lease, "lease left");
    }
  } else {
    assert.notEqual(ports?.state, "stopped", "port subsystem");
    assert.equal(lease.left, 0, "no lease runs");
  }
  verifyReports(model, status);
  verifyMasks(model, world);
}

function verifyReports(model: Model, status: Status): void {
  const { lastRecovery, operation } = status;
  if (model.trigger !== undefined) {
    assert.equal(lastRecovery?.trigger, model.trigger, "trigger");
    assert.equal(lastRecovery?.outcome, model.outcome, "outcome");
  }
  for (const step of lastRecovery?.steps ?? []) {
    const { name, status } = step;
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
  if (model.settled) assert.equal(masks, "pinned", "threads");
  if (!model.quiesced) assert.equal(masks, "free", "threads");
}
