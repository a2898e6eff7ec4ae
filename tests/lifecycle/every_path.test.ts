/**
 * Every path out of preparing leads to quiesced or through the undo, and the lease
 * ends all of them.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PrepareFailed } from "../../src/lifecycle/recovery.ts";
import { gate } from "../support/fake_plan.ts";
import { until } from "../support/until.ts";
import { evidenceOf, quiesce, start } from "./rig.ts";

const boom = () => {
  throw new Error("boom");
};

describe("whatever throws between the request and quiesced", () => {
  for (const callback of ["onPrepare", "onQuiet"] as const) {
    test(`${callback}: the prepare is undone, and the next one works`, async () => {
      let broken = true;
      const { lifecycle, seen } = start(undefined, undefined, {
        [callback]: () => broken && boom(),
      });
      await assert.rejects(lifecycle.prepare(), (error: PrepareFailed) => {
        assert.ok(error instanceof PrepareFailed);
        assert.match(error.message, /boom/);
        return true;
      });
      assert.equal(lifecycle.state, "running");
      assert.equal(lifecycle.lease.left, 0);
      assert.equal(
        seen.filter((s) => s.startsWith("do")).length,
        seen.filter((s) => s.startsWith("undo")).length,
      );
      broken = false;
      await quiesce(lifecycle);
      await lifecycle.recover({ trigger: "health" });
    });
  }

  test("an id that cannot be made changes nothing", async () => {
    const { lifecycle } = start(undefined, undefined, { newId: boom });
    await assert.rejects(lifecycle.prepare(), /boom/);
    assert.equal(lifecycle.state, "running");
    assert.equal(lifecycle.lease.left, 0);
  });

  for (const callback of ["onRunning", "onSettled", "evidence"] as const) {
    test(`${callback} at a recovery: it is reported, and the guest runs`, async () => {
      const errors: unknown[] = [];
      const { lifecycle } = start(undefined, undefined, {
        [callback]: boom,
        onError: (error) => errors.push(error),
      });
      await quiesce(lifecycle);
      const { recovery } = await lifecycle.recover({ trigger: "health" });
      assert.equal(recovery?.outcome, "resumed");
      assert.equal(lifecycle.state, "running");
      assert.equal(errors.length, 1);
    });
  }
});

describe("the lease", () => {
  test("runs from the first step on, and undoes a prepare that hangs", async () => {
    const { lifecycle, seen } = start([
      { name: "a" },
      {
        name: "hang",
        limitMs: 60_000,
        onFailure: "continue",
        quiesce: () => new Promise(() => {}),
      },
    ]);
    await assert.rejects(
      lifecycle.prepare({ lease: 0.02 }),
      (error: PrepareFailed) => {
        assert.match(error.message, /its lease ended/);
        assert.equal(error.undo.trigger, "lease");
        assert.equal(error.undo.outcome, "expired");
        return true;
      },
    );
    assert.equal(lifecycle.state, "running");
    assert.ok(seen.includes("undo a"));
  });

  test("that ends in a fork leaves the outcome to the evidence", async () => {
    const { lifecycle } = start(undefined, undefined, {
      evidence: () => Promise.resolve(evidenceOf(true)),
    });
    await lifecycle.prepare({ lease: 0.02 });
    await until("the lease's end", () => lifecycle.state === "running");
    assert.equal(lifecycle.lastRecovery?.trigger, "lease");
    assert.equal(lifecycle.lastRecovery?.outcome, "restored");
  });
});

describe("a step that goes on after its limit", () => {
  test("is told to stop and named, and no step that needs rest acts beside it", async () => {
    const { open, opened } = gate();
    let told: AbortSignal | undefined;
    const { lifecycle, seen } = start([{
      name: "slow",
      limitMs: 5,
      onFailure: "continue",
      quiesce({ signal }) {
        told = signal;
        return opened;
      },
    }], [{ name: "parallelism", needsIdle: true, onFailure: "continue" }]);
    const operation = await quiesce(lifecycle);
    assert.ok(told?.aborted);
    const [slow, parallelism] = operation.reports;
    assert.equal(slow.status, "timeout");
    assert.match(slow.reason ?? "", /it still runs/);
    assert.equal(parallelism.status, "skipped");
    assert.match(parallelism.reason ?? "", /slow/);
    assert.ok(!seen.includes("do parallelism"));
    open();
    await lifecycle.recover({ trigger: "health" });
    await until("the late undo", () => seen.includes("undo slow"));
  });

  test("is undone in the order of the plan, not of its end", async () => {
    const { open, opened } = gate();
    const { lifecycle, seen } = start([
      {
        name: "slow",
        limitMs: 5,
        onFailure: "continue",
        quiesce: () => opened,
      },
      { name: "next" },
    ]);
    await quiesce(lifecycle);
    open();
    await new Promise((resolve) => setTimeout(resolve, 0));
    await lifecycle.recover({ trigger: "health" });
    assert.deepEqual(
      seen.filter((s) => s.startsWith("undo")),
      ["undo c", "undo next", "undo slow"],
    );
  });
});

describe("a prepare after an operation whose undo goes on", () => {
  test("waits for it, up to its limit", async () => {
    const { open, opened } = gate();
    const { lifecycle, seen } = start([{
      name: "hooks",
      limitMs: 5,
      undo: () => opened,
    }]);
    await quiesce(lifecycle);
    const { recovery } = await lifecycle.recover({ trigger: "health" });
    assert.equal(recovery?.steps.at(-1)?.status, "timeout");
    const preparing = lifecycle.prepare();
    const before = seen.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(seen.length, before, "no step has begun");
    open();
    await preparing;
    await lifecycle.recover({ trigger: "health" });
  });

  test("fails if it goes on longer, and says so", async () => {
    const { open, opened } = gate();
    const { lifecycle } = start([{
      name: "hooks",
      limitMs: 5,
      undo: () => opened,
    }]);
    await quiesce(lifecycle);
    await lifecycle.recover({ trigger: "health" });
    await assert.rejects(
      lifecycle.prepare(),
      /the undo of hooks in the last operation still runs/,
    );
    assert.equal(lifecycle.state, "running");
    open();
    await quiesce(lifecycle);
    await lifecycle.recover({ trigger: "health" });
  });
});
