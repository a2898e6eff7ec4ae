import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OUTPUT } from "../../src/hooks/output.ts";
import { gate } from "../support/fake_plan.ts";
import { until } from "../support/until.ts";
import { FAILED, LIMITS, THAW, World } from "./owed_world.ts";

describe("a thaw that is owed", () => {
  test("stays in the journal until its program registers again", async () => {
    const world = new World();
    const { owed, told, entries, logged } = world;
    const db = world.add("db", () => ({ [OUTPUT]: "thank you" }));
    const app = world.add("app", () => ({}));
    assert.deepEqual(await world.round([db, FAILED], [app, {}]), ["db"]);
    assert.deepEqual(owed.names, ["db"]);
    assert.deepEqual(entries, [{
      operation: "op",
      generation: 8,
      kind: "diff",
      outcome: "restored",
      started: ["program db"],
    }]);
    owed.registered("app");
    owed.registered("unknown");
    assert.deepEqual(told, []);
    owed.registered("db");
    await until("it to be paid", () => owed.names.length === 0);
    // Not the host's time of the recovery, which is over.
    const { hostTime: _, ...facts } = THAW;
    assert.deepEqual(told, [facts]);
    assert.deepEqual(entries, [undefined]);
    assert.deepEqual(logged.map(([, fields]) => fields), [
      { operation: "op", owed: ["db"] },
      { hook: "db", operation: "op", output: "thank you" },
    ]);
    owed.registered("db");
    assert.equal(told.length, 1);
  });

  test("is tried again at each registration", async () => {
    const world = new World();
    let works = false;
    const db = world.add("db", () => works ? {} : FAILED);
    await world.round([db, FAILED]);
    world.owed.registered("db");
    await until("the second warning", () => world.logged.length === 2);
    assert.deepEqual(world.owed.names, ["db"]);
    assert.notEqual(world.entries[0], undefined);
    works = true;
    world.owed.registered("db");
    await until("it to be paid", () => world.owed.names.length === 0);
  });

  test("is paid by the next thaw, and held by one entry", async () => {
    const world = new World();
    const db = world.add("db", () => ({}));
    const app = world.add("app", () => ({}));
    await world.round([db, FAILED], [app, FAILED]);
    await world.round([db, FAILED]);
    assert.deepEqual(world.entries.map((entry) => entry?.started), [
      ["program app"],
      ["program db"],
    ]);
    await world.round([db, {}], [app, {}]);
    assert.deepEqual(world.entries, [undefined, undefined, undefined]);
    assert.deepEqual(world.owed.names, []);
  });

  test("is not called in a round: the program may be frozen again", async () => {
    const world = new World();
    const db = world.add("db", () => ({}));
    await world.round([db, FAILED]);
    assert.ok(await world.owed.begin(LIMITS));
    world.owed.registered("db");
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.deepEqual(world.told, []);
    world.owed.end();
    await until("it to be paid", () => world.owed.names.length === 0);
    assert.equal(world.told.length, 1);
  });

  test("holds up the next round while it is called, within limits", async () => {
    const world = new World();
    const { open, opened } = gate();
    const db = world.add("db", async () => {
      await opened;
      return {};
    });
    await world.round([db, FAILED]);
    world.owed.registered("db");
    assert.equal(world.told.length, 1);
    assert.equal(await world.owed.begin({ limitMs: 20 }), false);
    world.owed.end();
    const aborted = AbortSignal.abort();
    const signal = { limitMs: 10_000, signal: aborted };
    assert.equal(await world.owed.begin(signal), false);
    world.owed.end();
    const begun = world.owed.begin(LIMITS);
    open();
    assert.equal(await begun, true);
    assert.deepEqual(world.owed.names, []);
    world.owed.end();
  });

  test("is dropped for a program that withdraws, in a round at its end", async () => {
    const world = new World();
    const db = world.add("db", () => ({}));
    const app = world.add("app", () => ({}));
    await world.round([db, FAILED], [app, FAILED]);
    assert.equal(world.owed.withdrawn("db"), true);
    assert.equal(world.owed.withdrawn("db"), false);
    assert.deepEqual(world.entries[0]?.started, ["program app"]);
    assert.ok(await world.owed.begin(LIMITS));
    assert.equal(world.owed.withdrawn("app"), true);
    assert.notEqual(world.entries[0], undefined, "nothing is written now");
    world.owed.end();
    assert.equal(world.entries[0], undefined);
  });

  test("survives a journal that cannot be written", async () => {
    const world = new World();
    const db = world.add("db", () => ({}));
    const recorded = {
      update() {
        throw new Error("no space");
      },
      erase() {},
    };
    await world.owed.begin(LIMITS);
    const result = { name: "db", kind: "request", ms: 0, ...FAILED } as const;
    world.owed.settle([{ hook: db, result }], THAW, recorded);
    world.owed.end();
    assert.deepEqual(world.logged[0], [
      "Cannot write the journal",
      { error: "no space" },
    ]);
    world.owed.registered("db");
    await until("it to be paid", () => world.owed.names.length === 0);
  });
});
