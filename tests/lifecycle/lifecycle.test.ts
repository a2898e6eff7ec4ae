import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Lifecycle } from "../../src/lifecycle/lifecycle.ts";
import { PrepareFailed } from "../../src/lifecycle/recovery.ts";
import type { RecoveryContext } from "../../src/lifecycle/step.ts";
import { fakePlan, type FakeStep, gate } from "../support/fake_plan.ts";
import { until } from "../support/until.ts";

function start(
  beforeReply: FakeStep[] = [{ name: "a" }, { name: "b" }],
  settle: FakeStep[] = [{ name: "c" }],
) {
  const { plan, seen } = fakePlan(beforeReply, settle);
  let id = 0;
  const lifecycle = new Lifecycle({
    plan,
    leaseSeconds: 600,
    newId: () => `op-${++id}`,
    onQuiet: () => seen.push("quiet"),
    onRunning: () => seen.push("running"),
  });
  return { lifecycle, seen };
}

async function quiesce(lifecycle: Lifecycle) {
  const operation = await lifecycle.prepare();
  await lifecycle.settle(operation);
  return operation;
}

describe("a whole round", () => {
  test("does in order, repairs, and undoes in reverse order", async () => {
    const { lifecycle, seen } = start();
    const operation = await lifecycle.prepare();
    assert.equal(lifecycle.state, "quiesced");
    assert.deepEqual(seen, ["do a", "do b", "quiet"]);
    assert.equal(await lifecycle.settle(operation), true);
    const recovery = await lifecycle.recover("health");
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
    lifecycle.recover("health");
  });

  test("the generation grows by one at every recovery", async () => {
    const { lifecycle } = start();
    for (const generation of [1, 2, 3]) {
      await quiesce(lifecycle);
      const recovery = await lifecycle.recover("recover");
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
    await lifecycle.recover("health");
  });

  test("fault 1: a second prepare before the restore saves nothing twice", async () => {
    const { lifecycle, seen } = start();
    const first = await quiesce(lifecycle);
    const second = await quiesce(lifecycle);
    assert.equal(first, second);
    assert.equal(seen.filter((s) => s.startsWith("do ")).length, 3);
    await lifecycle.recover("health");
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
    await lifecycle.recover("health");
  });

  test("a prepare while recovering waits, then prepares anew", async () => {
    const { open, opened } = gate();
    const { lifecycle } = start([{ name: "a", undo: () => opened }]);
    const first = await quiesce(lifecycle);
    const recovering = lifecycle.recover("health");
    const preparing = lifecycle.prepare();
    open();
    await recovering;
    const second = await preparing;
    assert.notEqual(first.id, second.id);
    assert.equal(lifecycle.state, "quiesced");
    await lifecycle.recover("health");
  });
});

describe("recovery runs exactly once", () => {
  test("fifty triggers at once see one recovery, all of them after it", async () => {
    const { lifecycle, seen } = start();
    await quiesce(lifecycle);
    const all = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const recovery = await lifecycle.recover(i % 2 ? "health" : "recover");
        assert.ok(seen.includes("running"));
        return recovery;
      }),
    );
    assert.equal(seen.filter((s) => s === "undo a").length, 1);
    assert.equal(new Set(all).size, 1);
  });

  test("with nothing to recover it does nothing and says so", async () => {
    const { lifecycle, seen } = start();
    assert.equal(await lifecycle.recover("recover"), undefined);
    assert.equal(await lifecycle.recover("health"), undefined);
    assert.deepEqual(seen, []);
    assert.equal(lifecycle.generation, 0);
  });

  test("a failing undo is recorded and stops no other", async () => {
    const { lifecycle, seen } = start([
      { name: "a" },
      {
        name: "b",
        undo() {
          throw new Error("stuck");
        },
      },
    ]);
    await quiesce(lifecycle);
    const recovery = await lifecycle.recover("health");
    const b = recovery?.steps.find((s) => s.name === "b");
    assert.equal(b?.status, "failed");
    assert.equal(b?.reason, "stuck");
    assert.ok(seen.includes("undo a"));
    assert.equal(lifecycle.state, "running");
  });

  test("an undo that hangs is left behind at its limit", async () => {
    const { lifecycle, seen } = start([
      { name: "a" },
      { name: "b", limitMs: 10, undo: () => new Promise(() => {}) },
    ]);
    await quiesce(lifecycle);
    const recovery = await lifecycle.recover("health");
    const b = recovery?.steps.find((s) => s.name === "b");
    assert.equal(b?.status, "timeout");
    assert.ok(seen.includes("undo a"));
  });

  test("an undo past its limit is told to stop, whenever it asks", async () => {
    const contexts: RecoveryContext[] = [];
    const signals: AbortSignal[] = [];
    const { lifecycle } = start([
      {
        name: "asks at once",
        limitMs: 10,
        undo(context) {
          signals.push(context.signal);
          return new Promise(() => {});
        },
      },
      {
        name: "asks later",
        limitMs: 10,
        undo(context) {
          contexts.push(context);
          return new Promise(() => {});
        },
      },
    ]);
    await quiesce(lifecycle);
    await lifecycle.recover("health");
    signals.push(contexts[0].signal);
    assert.deepEqual(signals.map(({ aborted }) => aborted), [true, true]);
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
    await lifecycle.recover("health");
    open();
    assert.equal(await settling, false);
    await until("the late end", () => seen.includes("undo collect"));
    assert.ok(!seen.includes("do parallelism"));
    assert.equal(lifecycle.state, "running");
  });

  test("a settle that begins after the recovery does nothing", async () => {
    const { lifecycle, seen } = start();
    const operation = await lifecycle.prepare();
    await lifecycle.recover("health");
    assert.equal(await lifecycle.settle(operation), false);
    assert.ok(!seen.includes("do c"));
    assert.deepEqual(operation.reports.at(-1)?.status, "overtaken");
  });

  test("the settle of one operation does not touch the next", async () => {
    const { lifecycle, seen } = start();
    const first = await lifecycle.prepare();
    await lifecycle.recover("health");
    const second = await lifecycle.prepare();
    await lifecycle.settle(first);
    assert.ok(!seen.includes("do c"));
    assert.equal(await lifecycle.settle(second), true);
    await lifecycle.recover("health");
  });
});

describe("the lease", () => {
  test("fault 3: a host that never calls again is not waited for", async () => {
    const { lifecycle, seen } = start();
    const operation = await lifecycle.prepare({ lease: 0.02 });
    await lifecycle.settle(operation);
    await until("the recovery", () => seen.includes("running"));
    assert.equal(lifecycle.lastRecovery?.outcome, "expired");
    assert.equal(lifecycle.lastRecovery?.trigger, "lease");
    assert.ok(seen.includes("undo a"));
  });

  test("ends with the recovery", async () => {
    const { lifecycle } = start();
    await lifecycle.prepare({ lease: 0.02 });
    await lifecycle.recover("health");
    assert.equal(lifecycle.lease.left, 0);
    assert.equal(lifecycle.lastRecovery?.outcome, "resumed");
  });
});

describe("a prepare that fails", () => {
  const broken: FakeStep = {
    name: "b",
    quiesce() {
      throw new Error("will not");
    },
  };

  test("is undone: only what happened, in reverse, and reported", async () => {
    const { lifecycle, seen } = start([{ name: "a" }, { name: "a2" }, broken, {
      name: "z",
    }]);
    await assert.rejects(lifecycle.prepare(), (error: PrepareFailed) => {
      assert.ok(error instanceof PrepareFailed);
      assert.equal(error.message, "Cannot prepare: step b failed: will not");
      assert.deepEqual(error.undo.steps.map((s) => s.name), ["a2", "a"]);
      return true;
    });
    assert.deepEqual(seen, [
      "do a",
      "do a2",
      "do b",
      "undo a2",
      "undo a",
      "running",
    ]);
    assert.equal(lifecycle.state, "running");
    assert.equal(lifecycle.generation, 0);
  });

  test("a step that may fail does not stop the others, and is reported", async () => {
    const { lifecycle } = start([{ ...broken, onFailure: "continue" }, {
      name: "z",
    }]);
    const operation = await lifecycle.prepare();
    assert.deepEqual(
      operation.reports.map((s) => `${s.name} ${s.status}`),
      ["b failed", "z done"],
    );
    await lifecycle.recover("health");
  });

  test("what ends past its limit is undone with the rest", async () => {
    const { open, opened } = gate();
    const { lifecycle, seen } = start([
      { name: "a" },
      {
        name: "slow",
        limitMs: 5,
        onFailure: "continue",
        quiesce: () => opened,
      },
    ]);
    const operation = await quiesce(lifecycle);
    assert.equal(operation.reports[1].status, "timeout");
    open();
    await new Promise((resolve) => setTimeout(resolve, 0));
    await lifecycle.recover("health");
    assert.ok(seen.includes("undo slow"));
  });

  test("what ends after the operation is undone at once", async () => {
    const { open, opened } = gate();
    const { lifecycle, seen } = start([
      { name: "slow", limitMs: 5, quiesce: () => opened },
    ]);
    await assert.rejects(lifecycle.prepare(), PrepareFailed);
    assert.equal(lifecycle.state, "running");
    assert.ok(!seen.includes("undo slow"));
    open();
    await until("the late undo", () => seen.includes("undo slow"));
  });

  test("what ends after its operation leaves the next one as it is", async () => {
    const { open, opened } = gate();
    let slow = true;
    const { lifecycle, seen } = start([
      {
        name: "slow",
        limitMs: 60_000,
        quiesce() {
          const waits = slow ? opened : undefined;
          slow = false;
          return waits;
        },
      },
    ]);
    const given = assert.rejects(lifecycle.prepare(), PrepareFailed);
    await until("the step", () => seen.includes("do slow"));
    await lifecycle.recover("recover");
    await given;
    const preparing = lifecycle.prepare();
    open();
    await preparing;
    // The first one's end was undone before the second one did the same.
    assert.deepEqual(
      seen.filter((s) => s.endsWith(" slow")),
      ["do slow", "undo slow", "do slow"],
    );
    await lifecycle.recover("health");
    assert.equal(seen.filter((s) => s === "undo slow").length, 2);
  });

  test("what never ends holds up no later prepare, and its undo waits", async () => {
    const { open, opened } = gate();
    let first = true;
    const { lifecycle, seen } = start([{
      name: "stuck",
      limitMs: 5,
      onFailure: "continue",
      quiesce() {
        const waits = first ? opened : undefined;
        first = false;
        return waits;
      },
    }]);
    await quiesce(lifecycle);
    await lifecycle.recover("health");
    await quiesce(lifecycle);
    open();
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.ok(!seen.includes("undo stuck"));
    await lifecycle.recover("health");
    assert.equal(seen.filter((s) => s === "undo stuck").length, 2);
    assert.equal(lifecycle.state, "running");
  });

  test("an explicit recover gives up a prepare that is under way", async () => {
    const { lifecycle, seen } = start([
      { name: "a" },
      { name: "hang", limitMs: 60_000, quiesce: () => new Promise(() => {}) },
    ]);
    const preparing = lifecycle.prepare();
    const failed = assert.rejects(preparing, PrepareFailed);
    await until("the second step", () => seen.includes("do hang"));
    const recovery = await lifecycle.recover("recover");
    await failed;
    assert.equal(recovery?.outcome, "aborted");
    assert.equal(lifecycle.state, "running");
    assert.ok(seen.includes("undo a"));
  });

  test("fault 4: a health check during a prepare leaves it alone", async () => {
    const { open, opened } = gate();
    const { lifecycle } = start([{ name: "a", quiesce: () => opened }]);
    const preparing = lifecycle.prepare();
    assert.equal(await lifecycle.recover("health"), undefined);
    open();
    await preparing;
    assert.equal(lifecycle.state, "quiesced");
    await lifecycle.recover("health");
  });
});
