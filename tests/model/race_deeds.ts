/**
 * Hosts that do not know of each other, or do not know what they do.
 */
import assert from "node:assert/strict";
import { until } from "../support/until.ts";
import { Command } from "./command.ts";
import { lacksEntropy } from "./model.ts";

/** Two hosts that do not know of each other: one transition at a time. */
export function race(...calls: readonly string[]): Command {
  return new Command(`race(${calls.join(", ")})`, async (model, world) => {
    const before = await world.status();
    const replies = await world.atOnce(calls);
    for (const { status, body } of replies) {
      // Overtaken, undone, refused by a hook: a caller that gets this reply lost the race.
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
    if (grown > 0) {
      model.entropy = { required: lacksEntropy(model), reseeded: false };
    }
    const thawed = status.lastRecovery?.steps.find(({ name }) =>
      name === "hooks"
    );
    model.thawFails = model.program?.lives === false &&
      thawed?.status === "failed";
    model.quiesced = status.state === "quiesced";
    model.settled = false;
    model.generation = status.generation;
    model.operation = status.operation?.operation;
    model.kind = status.operation?.kind;
    model.trigger = model.outcome = model.lease = undefined;
    model.leaseUntil = 0;
    if (prepares > 0) await world.closeAll();
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
