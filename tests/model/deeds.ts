/**
 * What hosts and hypervisors do to an agent.
 */
import assert from "node:assert/strict";
import type { Kind } from "../../src/lifecycle/request.ts";
import { until } from "../support/until.ts";
import { Wire } from "../support/wire.ts";
import { Command } from "./command.ts";
import type { Report } from "./documents.ts";
import {
  isRefused,
  lacksEntropy,
  type Model,
  quiesced,
  recovered,
  renewed,
  undone,
} from "./model.ts";
import type { World } from "./world.ts";

/** What a prepare was asked, and answered. */
interface Prepared {
  readonly lease?: number;
  readonly operation?: string;
  readonly kind?: Kind;
  readonly status: number;
  readonly body: string;
  readonly sentAt: number;
}

/** Quiesced by this call, or refused by a hook, or quiesced already. */
async function prepared(
  model: Model,
  world: World,
  { status, body, lease, operation, kind, sentAt }: Prepared,
): Promise<void> {
  if (model.quiesced) {
    if (operation !== undefined && operation !== model.operation) {
      return assertProblem(status, body, 409, "other-operation");
    }
    if (kind !== undefined && kind !== model.kind) {
      return assertProblem(status, body, 409, "other-kind");
    }
    assert.ok(status === 200 || status === 204, `${status} ${body}`);
    renewed(model, lease, sentAt);
  } else if (isRefused(model)) {
    assert.equal(status, 503, body);
    undone(model, operation, "failure");
    return;
  } else {
    assert.ok(status === 200 || status === 204, `${status} ${body}`);
    const id = operation ?? (await world.status()).operation?.operation;
    quiesced(model, id, lease, sentAt, kind);
    if (kind !== "disk") await world.allGone();
  }
  if (status === 204) return;
  model.settled = true;
  const report: Report = JSON.parse(body);
  assert.ok(report.settled);
  assert.equal(report.kind, model.kind);
}

/** Fails unless the reply is this problem. */
export function assertProblem(
  status: number,
  body: string,
  expected: number,
  kind: string,
): void {
  assert.equal(status, expected, body);
  assert.equal(JSON.parse(body).type, `urn:lull:problem:${kind}`);
}

export function prepare(
  wait: boolean,
  lease: number | undefined,
  operation: string | undefined,
  kind: Kind | undefined,
): Command {
  const body = JSON.stringify({
    wait: wait ? "settled" : undefined,
    lease,
    operation,
    kind,
  });
  return new Command(`prepare(${body})`, async (model, world) => {
    const sentAt = performance.now();
    const reply = await world.ask("POST", "/snapshot/prepare", body);
    const asked = { lease, operation, kind, sentAt };
    await prepared(model, world, { ...reply, ...asked });
  });
}

/** A health check recovers, and is 200 unless the guest lacks entropy. */
function assertHealth(
  model: Model,
  { status, body }: { status: number; body: string },
): void {
  if (lacksEntropy(model)) {
    return assertProblem(status, body, 503, "entropy-missing");
  }
  assert.equal(status, 200, body);
  const { state, generation } = JSON.parse(body);
  assert.equal(state, "running");
  assert.equal(generation, model.generation);
}

export const health = new Command("health()", async (model, world) => {
  recovered(model, "health");
  assertHealth(model, await world.ask("GET", "/health"));
});

/** Many at once: one recovery, and every caller sees its end. */
export function storm(count: number): Command {
  return new Command(`storm(${count})`, async (model, world) => {
    recovered(model, "health");
    await Promise.all(Array.from({ length: count }, async () => {
      const wire = await Wire.open(world.agent.port);
      const reply = await wire.ask("GET", "/health");
      wire.end();
      assertHealth(model, reply);
    }));
  });
}

/** The caller of a prepare does not wait for its reply: it happens all the same. */
export const hangUp = new Command("hangUp()", async (model, world) => {
  world.hangUp();
  const sentAt = performance.now();
  const wire = await Wire.open(world.agent.port);
  wire.request("POST", "/snapshot/prepare");
  if (model.quiesced || isRefused(model)) {
    // Neither changes the state: its reply is all there is to wait for.
    await wire.response();
    wire.end();
    const status = model.quiesced ? 204 : 503;
    return await prepared(model, world, { status, body: "", sentAt });
  }
  await until("its arrival", async () => {
    const { state } = await world.freshStatus();
    return state !== "running";
  });
  wire.end();
  await until("the settle", async () => (await world.freshStatus()).settled);
  const { operation } = await world.freshStatus();
  quiesced(model, operation?.operation, undefined, sentAt);
  model.settled = true;
  await world.allGone();
});

/** A host that prepares and never calls again. */
export function expire(lease: number): Command {
  return new Command(`expire(${lease})`, async (model, world) => {
    if (isRefused(model) && !model.quiesced) return;
    const body = JSON.stringify({ lease });
    const sentAt = performance.now();
    const reply = await world.ask("POST", "/snapshot/prepare", body);
    if (model.quiesced) {
      // The lease that it has is longer.
      return await prepared(model, world, { ...reply, lease, sentAt });
    }
    // The lease runs from the first step on: it may end before the last one.
    if (reply.status === 503) assert.match(reply.body, /its lease ended/);
    else assert.equal(reply.status, 204, reply.body);
    if (reply.status === 204) quiesced(model, undefined, lease, sentAt);
    await until("the lease's end", async () => {
      const { state, lastRecovery } = await world.freshStatus();
      return state === "running" && lastRecovery?.trigger === "lease";
    });
    const id = (await world.freshStatus()).operation?.operation;
    if (reply.status === 503) {
      undone(model, id, "lease");
      return await world.closeAll();
    }
    recovered(model, "lease", "expired");
    model.operation = id;
    await world.allGone();
  });
}

/** A freeze lands somewhere in the settle, and a health check after it. */
export function freeze(afterMs: number, forMs: number): Command {
  return new Command(`freeze(${afterMs}, ${forMs})`, async (model, world) => {
    const sentAt = performance.now();
    const reply = await world.ask("POST", "/snapshot/prepare");
    await prepared(model, world, { ...reply, sentAt });
    await pause(afterMs);
    await world.standStill(forMs);
    recovered(model, "health");
    assertHealth(model, await world.ask("GET", "/health"));
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
