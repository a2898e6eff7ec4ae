/**
 * A wall clock that jumps a day: nothing in the agent may count on it.
 */
import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { Lifecycle } from "../../src/lifecycle/lifecycle.ts";
import { fakePlan } from "../support/fake_plan.ts";
import { until } from "../support/until.ts";
import { bad, Rig } from "./rig.ts";

const DAY_MS = 86_400_000;
const now = Date.now;

describe("the wall clock jumps", () => {
  afterEach(() => void (Date.now = now));

  for (
    const [where, ms] of [["forwards", DAY_MS], ["back", -DAY_MS]] as const
  ) {
    test(`a day ${where} while quiesced: the round ends as any other`, async () => {
      const rig = await Rig.start();
      try {
        const operation = await rig.lifecycle.prepare();
        await rig.lifecycle.settle(operation);
        const { left } = rig.lifecycle.lease;
        Date.now = () => now() + ms;
        assert.ok(Math.abs(rig.lifecycle.lease.left - left) < 30);
        const { recovery } = await rig.lifecycle.recover({ trigger: "health" });
        assert.equal(recovery?.outcome, "resumed");
        assert.deepEqual(bad(recovery!.steps), []);
        assert.ok(recovery!.ms >= 0 && recovery!.ms < DAY_MS / 2);
        await rig.assertAsBefore();
      } finally {
        rig.end();
      }
    });

    test(`a day ${where}: the lease ends when its time has run`, async () => {
      const lifecycle = new Lifecycle({
        ...{ plan: fakePlan([]).plan, leaseSeconds: 600, newId: () => "op" },
      });
      const start = performance.now();
      await lifecycle.prepare({ lease: 0.2 });
      Date.now = () => now() + ms;
      await until("the lease's end", () => lifecycle.state === "running");
      assert.ok(performance.now() - start >= 195);
      assert.equal(lifecycle.lastRecovery?.outcome, "expired");
    });
  }
});
