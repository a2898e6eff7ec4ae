/**
 * Calls that meet an operation of another call: joins, renewals, other ids, forks.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OtherKind, OtherOperation } from "../../src/lifecycle/errors.ts";
import { PrepareFailed } from "../../src/lifecycle/recovery.ts";
import type { Done } from "../../src/lifecycle/step.ts";
import { gate } from "../support/fake_plan.ts";
import { until } from "../support/until.ts";
import { evidenceOf, quiesce, start } from "./rig.ts";

describe("a prepare that joins", () => {
  test("gets at least the lease that it asks for", async () => {
    const { open, opened } = gate();
    const { lifecycle } = start([{ name: "a", quiesce: () => opened }]);
    const first = lifecycle.prepare({ lease: 5 });
    const longer = lifecycle.prepare({ lease: 50 });
    const shorter = lifecycle.prepare({ lease: 1 });
    open();
    assert.equal(await first, await longer);
    assert.equal(await first, await shorter);
    assert.ok(lifecycle.lease.left > 5, `${lifecycle.lease.left} s`);
    assert.equal(lifecycle.lease.seconds, 50);
    await lifecycle.recover({ trigger: "health" });
  });

  test("with another operation's id is refused, and changes nothing", async () => {
    const { open, opened } = gate();
    const { lifecycle } = start([{ name: "a", quiesce: () => opened }]);
    const first = lifecycle.prepare({ operation: "mine", lease: 5 });
    await assert.rejects(
      lifecycle.prepare({ operation: "yours", lease: 50 }),
      OtherOperation,
    );
    open();
    assert.equal((await first).id, "mine");
    assert.equal((await lifecycle.prepare({ operation: "mine" })).id, "mine");
    await assert.rejects(
      lifecycle.prepare({ operation: "yours", lease: 50 }),
      OtherOperation,
    );
    assert.equal(lifecycle.lease.seconds, 5);
    assert.equal(lifecycle.state, "quiesced");
    await lifecycle.recover({ trigger: "health" });
  });

  test("a renewal never shortens the lease", async () => {
    const { lifecycle } = start();
    await lifecycle.prepare({ lease: 50 });
    await lifecycle.prepare({ lease: 1 });
    assert.ok(lifecycle.lease.left > 1);
    await lifecycle.recover({ trigger: "health" });
  });
});

describe("an effect that ends before its undo", () => {
  /** A step whose effect ends when `end` is called. */
  function lapsing() {
    let lasts = true;
    const end = () => lasts = false;
    const quiesce = (): Done => {
      lasts = true;
      return { effect: {}, undo: () => ({}), lasts: () => lasts };
    };
    return { end, quiesce };
  }

  test("is not renewed: a prepare recovers, and prepares anew", async () => {
    const { end, quiesce } = lapsing();
    const { lifecycle } = start([{ name: "a", quiesce }]);
    const first = await lifecycle.prepare({ operation: "one" });
    assert.equal(first.lapsed, undefined);
    assert.equal(await lifecycle.prepare(), first);
    end();
    assert.equal(first.lapsed, "a");
    await assert.rejects(lifecycle.prepare({ kind: "diff" }), OtherKind);
    const second = await lifecycle.prepare({ operation: "one" });
    assert.notEqual(second, first);
    assert.equal(first.lapsed, undefined, "it is undone");
    assert.equal(lifecycle.lastRecovery?.trigger, "lease");
    assert.equal(lifecycle.lastRecovery?.outcome, "expired");
    assert.equal(lifecycle.state, "quiesced");
    await lifecycle.recover({ trigger: "health" });
  });

  test("before the reply fails the prepare", async () => {
    const { end, quiesce } = lapsing();
    const { lifecycle } = start([{ name: "a", quiesce }, {
      name: "b",
      quiesce: () => void end(),
    }]);
    await assert.rejects(lifecycle.prepare(), (error: unknown) => {
      assert.ok(error instanceof PrepareFailed);
      assert.match(error.message, /the effect of step a ended before/);
      return true;
    });
    assert.equal(lifecycle.state, "running");
  });

  test("during the settle recovers, and the settle does not hold", async () => {
    const { end, quiesce } = lapsing();
    const { lifecycle } = start([{ name: "a", quiesce }], [{
      name: "c",
      quiesce: () => void end(),
    }]);
    const operation = await lifecycle.prepare();
    assert.equal(await lifecycle.settle(operation), false);
    assert.equal(operation.settledMs, undefined);
    await until("the recovery", () => lifecycle.state === "running");
    assert.equal(lifecycle.lastRecovery?.trigger, "lease");
  });
});

describe("a recover that names an operation", () => {
  test("other than the current or the last one changes nothing", async () => {
    const { lifecycle, seen } = start();
    const recover = (operation: string) =>
      lifecycle.recover({ trigger: "recover" }, { operation });
    await assert.rejects(recover("none yet"), OtherOperation);
    await lifecycle.prepare({ operation: "one" });
    const before = seen.length;
    await assert.rejects(recover("other"), OtherOperation);
    assert.equal(lifecycle.state, "quiesced");
    assert.equal(seen.length, before);
    assert.equal((await recover("one")).recovery?.operation, "one");
    assert.deepEqual(await recover("one"), { notApplied: [] });
    await assert.rejects(recover("other"), OtherOperation);
  });

  test("the last one, while the next one is quiesced, leaves that alone", async () => {
    const { lifecycle } = start();
    await lifecycle.prepare({ operation: "one" });
    await lifecycle.recover({ trigger: "health" });
    await lifecycle.prepare({ operation: "two" });
    const request = {
      ...{ operation: "one", hostTime: 1 },
      ...{ requireEntropy: true, requireRenewed: true },
    };
    assert.deepEqual(
      await lifecycle.recover({ trigger: "recover" }, request),
      { notApplied: ["hostTime", "requireEntropy", "requireRenewed"] },
    );
    assert.equal(lifecycle.state, "quiesced");
    await lifecycle.recover({ trigger: "health" });
  });
});

describe("a prepare in a fork of the quiesced guest", () => {
  test("recovers first, then prepares anew with a new generation", async () => {
    let fork = false;
    const { lifecycle, seen } = start(undefined, undefined, {
      evidence: () => Promise.resolve(evidenceOf(fork)),
    });
    const first = await quiesce(lifecycle);
    fork = true;
    const second = await lifecycle.prepare({ operation: "second" });
    fork = false;
    assert.equal(lifecycle.lastRecovery?.operation, first.id);
    assert.equal(lifecycle.lastRecovery?.trigger, "evidence");
    assert.equal(lifecycle.lastRecovery?.outcome, "restored");
    assert.equal(second.id, "second");
    assert.equal(lifecycle.generation, 1);
    assert.equal(lifecycle.state, "quiesced");
    assert.equal(seen.filter((s) => s === "do a").length, 2);
    // The evidence that comes a moment later finds another operation's state.
    await lifecycle.recover({ trigger: "health" });
    assert.equal(lifecycle.generation, 2);
  });

  test("two of them at once prepare one operation", async () => {
    let fork = false;
    const { lifecycle, seen } = start(undefined, undefined, {
      evidence: () => Promise.resolve(evidenceOf(fork)),
    });
    await quiesce(lifecycle);
    fork = true;
    const both = [lifecycle.prepare(), lifecycle.prepare()];
    assert.equal(await both[0], await both[1]);
    assert.equal(lifecycle.generation, 1);
    assert.equal(seen.filter((s) => s === "do a").length, 2);
    await lifecycle.recover({ trigger: "health" });
  });
});

describe("the last check before the end", () => {
  test("a prepare that waits for the undo of another begins no more", async () => {
    const { open, opened } = gate();
    const { lifecycle, seen } = start([
      { name: "a", undo: () => opened },
      {
        name: "hang",
        stopMs: 1000,
        quiesce: ({ signal }) =>
          new Promise((_, reject) =>
            signal.addEventListener("abort", () => reject(new Error("told")))
          ),
      },
    ]);
    const first = assert.rejects(
      lifecycle.prepare(),
      (error: PrepareFailed) => {
        assert.match(error.message, /it was aborted by SIGTERM/);
        assert.equal(error.undo.trigger, "signal");
        assert.equal(error.undo.outcome, "aborted");
        return true;
      },
    );
    await until("the second step", () => seen.includes("do hang"));
    const ending = lifecycle.end("SIGTERM");
    await until("the undo", () => lifecycle.state === "undoing");
    const waiting = assert.rejects(lifecycle.prepare(), /agent is ending/);
    open();
    await Promise.all([first, waiting, ending]);
    assert.equal(lifecycle.state, "running");
    await assert.rejects(lifecycle.prepare(), /agent is ending/);
  });

  test("a quiesced guest recovers, and work that goes on is waited for", async () => {
    const { open, opened } = gate();
    const { lifecycle, seen } = start([
      { name: "slow undo", limitMs: 5, undo: () => opened },
    ]);
    await quiesce(lifecycle);
    const ending = lifecycle.end("SIGTERM");
    open();
    await ending;
    assert.equal(lifecycle.lastRecovery?.trigger, "signal");
    assert.ok(seen.includes("undo slow undo"));
  });
});
