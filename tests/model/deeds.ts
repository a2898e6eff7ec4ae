/**
 * What hosts and hypervisors do to an agent.
 */
import assert from "node:assert/strict";
import { until } from "../support/until.ts";
import { again, Wire } from "../support/wire.ts";
import { Command } from "./command.ts";
import type { Report } from "./documents.ts";
import { type Model, recovered } from "./model.ts";
import type { World } from "./world.ts";

/** Quiesced by this call, or refused by a hook, or quiesced already. */
async function prepared(
  model: Model,
  world: World,
  { status, body }: { status: number; body: string },
  lease: number | undefined,
  operation: string | undefined,
): Promise<void> {
  if (model.quiesced) {
    assert.ok(status === 200 || status === 204, `${status} ${body}`);
    model.lease = lease ?? model.lease;
  } else if (model.refuses) {
    assert.equal(status, 503, body);
    model.operation = operation;
    model.trigger = "failure";
    model.outcome = "aborted";
    return;
  } else {
    assert.ok(status === 200 || status === 204, `${status} ${body}`);
    model.quiesced = true;
    model.lease = lease;
    model.operation = operation ?? (await world.status()).operation?.operation;
    await world.allGone();
  }
  if (status === 204) return;
  model.settled = true;
  const report: Report = JSON.parse(body);
  assert.ok(report.settled);
}

export function prepare(
  wait: boolean,
  lease: number | undefined,
  operation: string | undefined,
): Command {
  const body = JSON.stringify({
    wait: wait ? "settled" : undefined,
    lease,
    operation,
  });
  return new Command(`prepare(${body})`, async (model, world) => {
    const reply = await world.ask("POST", "/snapshot/prepare", body);
    await prepared(model, world, reply, lease, operation);
  });
}

export const health = new Command("health()", async (model, world) => {
  recovered(model, "health");
  const { status, body } = await world.ask("GET", "/health");
  assert.equal(status, 200);
  const { state, generation } = JSON.parse(body);
  assert.equal(state, "running");
  assert.equal(generation, model.generation);
});

export function recover(outcome: string | undefined): Command {
  const body = JSON.stringify({ outcome });
  return new Command(`recover(${body})`, async (model, world) => {
    const expected = model.quiesced;
    const { status, body: reply } = await world.ask(
      "POST",
      "/snapshot/recover",
      body,
    );
    assert.equal(status, 200, reply);
    assert.equal(JSON.parse(reply).recovered, expected);
    recovered(model, "recover", outcome);
  });
}

/** Many at once: one recovery, and everybody sees its end. */
export function storm(count: number): Command {
  return new Command(`storm(${count})`, async (model, world) => {
    recovered(model, "health");
    await Promise.all(Array.from({ length: count }, async () => {
      const wire = await Wire.open(world.agent.port);
      const { status, body } = await wire.ask("GET", "/health");
      wire.end();
      assert.equal(status, 200);
      assert.equal(JSON.parse(body).generation, model.generation);
    }));
  });
}

/** The caller of a prepare does not wait for its reply: it happens all the same. */
export const hangUp = new Command("hangUp()", async (model, world) => {
  world.hangUp();
  const wire = await Wire.open(world.agent.port);
  wire.request("POST", "/snapshot/prepare");
  if (model.quiesced || model.refuses) {
    // Neither changes the state: its reply is all there is to wait for.
    await wire.response();
    wire.end();
    const reply = { status: model.quiesced ? 204 : 503, body: "" };
    return await prepared(model, world, reply, undefined, undefined);
  }
  await until("its arrival", async () => {
    const { state } = await world.freshStatus();
    return state !== "running";
  });
  wire.end();
  await until("the settle", async () => (await world.freshStatus()).settled);
  const { operation } = await world.freshStatus();
  model.quiesced = true;
  model.settled = true;
  model.operation = operation?.operation;
  model.lease = undefined;
  await world.allGone();
});

/** A host that prepares and never calls again. */
export const expire = new Command("expire()", async (model, world) => {
  if (model.refuses && !model.quiesced) return;
  const body = JSON.stringify({ lease: 0.02 });
  const { status } = await world.ask("POST", "/snapshot/prepare", body);
  assert.equal(status, 204);
  model.quiesced = true;
  await until("the lease's end", async () => {
    const { state, lastRecovery } = await world.freshStatus();
    return state === "running" && lastRecovery?.trigger === "lease";
  });
  model.operation = (await world.freshStatus()).operation?.operation;
  recovered(model, "lease", "expired");
  await world.allGone();
});

/** A freeze lands somewhere in the settle, and a health check after it. */
export function freeze(afterMs: number, forMs: number): Command {
  return new Command(`freeze(${afterMs}, ${forMs})`, async (model, world) => {
    const { status, body } = await world.ask("POST", "/snapshot/prepare");
    await prepared(model, world, { status, body }, undefined, undefined);
    await pause(afterMs);
    await world.standStill(forMs);
    const reply = await world.ask("GET", "/health");
    assert.equal(reply.status, 200);
    recovered(model, "health");
  });
}

/** Two hosts that do not know of each other: one transition at a time. */
export function race(...calls: readonly string[]): Command {
  return new Command(`race(${calls.join(", ")})`, async (model, world) => {
    const before = await world.status();
    world.hangUp();
    const ask = async (call: string) => {
      const [method, path] = call.split(" ");
      const wire = await Wire.open(world.agent.port);
      const reply = await wire.ask(method, path);
      wire.end();
      return reply;
    };
    const replies = await Promise.all(
      calls.map((call) => again(() => ask(call))),
    );
    for (const { status, body } of replies) {
      // Overtaken, undone, refused by a hook: whoever is told so lost the race.
      assert.ok([200, 204, 409, 503].includes(status), `${status} ${body}`);
    }
    const status = await until("the end of the race", async () => {
      const status = await world.freshStatus();
      // What a prepare that was given up still did is undone a moment later.
      const resting = status.state === "quiesced" ||
        (status.state === "running" && status.ports?.state !== "stopped");
      return resting ? status : undefined;
    });
    const grown = status.generation - before.generation;
    const prepares = calls.filter((call) => call.includes("prepare")).length;
    const most = prepares + Number(model.quiesced);
    assert.ok(grown >= 0 && grown <= most, `${grown} recoveries`);
    model.quiesced = status.state === "quiesced";
    model.settled = false;
    model.generation = status.generation;
    model.operation = status.operation?.operation;
    model.trigger = model.outcome = model.lease = undefined;
    if (prepares > 0) await closeAll(world);
  });
}

/** Bad input loses nothing. */
export function wrong(method: string, path: string, body: string): Command {
  return new Command(`wrong(${method} ${path} ${body})`, async (_, world) => {
    const { status } = await world.ask(method, path, body);
    assert.ok(status >= 400 && status < 500, `${status}`);
  });
}

/** Reading changes nothing. */
export function read(path: string): Command {
  return new Command(`read(${path})`, async (_, world) => {
    assert.equal((await world.ask("GET", path)).status, 200);
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function closeAll(world: World): Promise<void> {
  for (const { wire } of world.open.splice(0)) wire.end();
  await pause(0);
}
