import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gate } from "../support/fake_plan.ts";
import { until } from "../support/until.ts";
import { quiesce, start } from "./rig.ts";

describe("a whole round", () => {
  test("does in order, repairs, and undoes in reverse order", async () => {
    const { lifecycle, seen } = start();
    const operation = await lifecycle.prepare();
    assert.equal(lifecycle.state, "quiesced");
    assert.deepEqual(seen, ["do a", "do b", "quiet"]);
    assert.equal(await lifecycle.settle(operation), true);
    const { recovery } = await lifecycle.recover({ trigger: "health" });
    assert.deepEqual(seen.slice(3), [
      "do c",
      "repair",
      "undo c",
      "undo b",
      "undo a",
      "running",
    ]);
    assert.equal(lifecycle.state, "running");
    assert.equal(recovery?.operation, "op-1");
    assert.deepEqual(recovery?.steps.map((s) => s.name), [
      "repair",
      "c",
      "b",
      "a",
    ]);
  });

  test("a given id is the operation's id", async () => {
    const { lifecycle } = start();
    assert.equal((await lifecycle.prepare({ operation: "x" })).id, "x");
    lifecycle.recover({ trigger: "health" });
  });

  test("the generation grows by one at every recovery", async () => {
    const { lifecycle } = start();
    for (const generation of [1, 2, 3]) {
      await quiesce(lifecycle);
      const { recovery } = await lifecycle.recover({ trigger: "recover" });
      assert.equal(recovery?.generation, generation);
      assert.equal(lifecycle.generation, generation);
    }
  });
});

describe("one transition at a time", () => {
  test("a second prepare while one is under way joins it", async () => {
    const { open, opened } = gate();
    const { lifecycle, seen } = start([{ name: "a", quiesce: () => opened }]);
    const first = lifecycle.prepare();
    const second = lifecycle.prepare();
    open();
    assert.equal(await first, await second);
    assert.equal(seen.filter((s) => s === "do a").length, 1);
    await lifecycle.recover({ trigger: "health" });
  });

  test("fault 1: a second prepare before the restore saves nothing twice", async () => {
    const { lifecycle, seen } = start();
    const first = await quiesce(lifecycle);
    const second = await quiesce(lifecycle);
    assert.equal(first, second);
    assert.equal(seen.filter((s) => s.startsWith("do ")).length, 3);
    await lifecycle.recover({ trigger: "health" });
    assert.equal(seen.filter((s) => s.startsWith("undo ")).length, 3);
  });

  test("a prepare while quiesced renews the lease", async () => {
    const { lifecycle } = start();
    await lifecycle.prepare({ lease: 5 });
    assert.ok(lifecycle.lease.left <= 5);
    await lifecycle.prepare({ lease: 50 });
    assert.ok(lifecycle.lease.left > 5);
    await lifecycle.prepare();
    assert.equal(lifecycle.lease.seconds, 50);
    await lifecycle.recover({ trigger: "health" });
  });

  test("a prepare while recovering waits, then prepares anew", async () => {
    const { open, opened } = gate();
    const { lifecycle } = start([{ name: "a", undo: () => opened }]);
    const first = await quiesce(lifecycle);
    const recovering = lifecycle.recover({ trigger: "health" });
    const preparing = lifecycle.prepare();
    open();
    await recovering;
    const second = await preparing;
    assert.notEqual(first.id, second.id);
    assert.equal(lifecycle.state, "quiesced");
    await lifecycle.recover({ trigger: "health" });
  });
});

describe("overtaken settles do nothing", () => {
  test("fault 2: a settle that was frozen in the middle stays undone", async () => {
    const { open, opened } = gate();
    const { lifecycle, seen } = start([{ name: "a" }], [
      { name: "collect", quiesce: () => opened },
      { name: "parallelism" },
    ]);
    const operation = await lifecycle.prepare();
    const settling = lifecycle.settle(operation);
    await until("the collection", () => seen.includes("do collect"));
    await lifecycle.recover({ trigger: "health" });
    open();
    assert.equal(await settling, false);
    await until("the late end", () => seen.includes("undo collect"));
    assert.ok(!seen.includes("do parallelism"));
    assert.equal(lifecycle.state, "running");
  });

  test("a settle that begins after the recovery does nothing", async () => {
    const { lifecycle, seen } = start();
    const operation = await lifecycle.prepare();
    await lifecycle.recover({ trigger: "health" });
    assert.equal(await lifecycle.settle(operation), false);
    assert.ok(!seen.includes("do c"));
    assert.deepEqual(operation.reports.at(-1)?.status, "overtaken");
  });

  test("the settle of one operation does not touch the next", async () => {
    const { lifecycle, seen } = start();
    const first = await lifecycle.prepare();
    await lifecycle.recover({ trigger: "health" });
    const second = await lifecycle.prepare();
    await lifecycle.settle(first);
    assert.ok(!seen.includes("do c"));
    assert.equal(await lifecycle.settle(second), true);
    await lifecycle.recover({ trigger: "health" });
  });
});
