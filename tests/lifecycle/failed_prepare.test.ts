import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PrepareFailed } from "../../src/lifecycle/recovery.ts";
import { type FakeStep, gate } from "../support/fake_plan.ts";
import { until } from "../support/until.ts";
import { quiesce, start } from "./rig.ts";

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
    await lifecycle.recover({ trigger: "health" });
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
    await lifecycle.recover({ trigger: "health" });
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
    await lifecycle.recover({ trigger: "recover" });
    await given;
    const preparing = lifecycle.prepare();
    open();
    await preparing;
    // The first one's end was undone before the second one did the same.
    assert.deepEqual(
      seen.filter((s) => s.endsWith(" slow")),
      ["do slow", "undo slow", "do slow"],
    );
    await lifecycle.recover({ trigger: "health" });
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
    await lifecycle.recover({ trigger: "health" });
    await quiesce(lifecycle);
    open();
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.ok(!seen.includes("undo stuck"));
    await lifecycle.recover({ trigger: "health" });
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
    const { recovery } = await lifecycle.recover({ trigger: "recover" });
    await failed;
    assert.equal(recovery?.outcome, "aborted");
    assert.equal(lifecycle.state, "running");
    assert.ok(seen.includes("undo a"));
  });

  test("fault 4: a health check during a prepare leaves it alone", async () => {
    const { open, opened } = gate();
    const { lifecycle } = start([{ name: "a", quiesce: () => opened }]);
    const preparing = lifecycle.prepare();
    const { recovery } = await lifecycle.recover({ trigger: "health" });
    assert.equal(recovery, undefined);
    open();
    await preparing;
    assert.equal(lifecycle.state, "quiesced");
    await lifecycle.recover({ trigger: "health" });
  });
});
