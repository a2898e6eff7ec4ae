import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RecoveryContext } from "../../src/lifecycle/step.ts";
import { until } from "../support/until.ts";
import { quiesce, start } from "./rig.ts";

describe("recovery runs exactly once", () => {
  test("fifty triggers at once see one recovery, all of them after it", async () => {
    const { lifecycle, seen } = start();
    await quiesce(lifecycle);
    const all = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const { recovery } = await lifecycle.recover({
          trigger: i % 2 ? "health" : "recover",
        });
        assert.ok(seen.includes("running"));
        return recovery;
      }),
    );
    assert.equal(seen.filter((s) => s === "undo a").length, 1);
    assert.equal(new Set(all).size, 1);
  });

  test("with nothing to recover it does nothing and says so", async () => {
    const { lifecycle, seen } = start();
    assert.deepEqual(await lifecycle.recover({ trigger: "recover" }), {
      notApplied: [],
    });
    assert.deepEqual(await lifecycle.recover({ trigger: "health" }), {
      notApplied: [],
    });
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
    const { recovery } = await lifecycle.recover({ trigger: "health" });
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
    const { recovery } = await lifecycle.recover({ trigger: "health" });
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
    await lifecycle.recover({ trigger: "health" });
    signals.push(contexts[0].signal);
    assert.deepEqual(signals.map(({ aborted }) => aborted), [true, true]);
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
    await lifecycle.recover({ trigger: "health" });
    assert.equal(lifecycle.lease.left, 0);
    assert.equal(lifecycle.lastRecovery?.outcome, "resumed");
  });
});
