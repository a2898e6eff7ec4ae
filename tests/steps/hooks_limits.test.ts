import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HookResult } from "../../src/hooks/hook.ts";
import type { Done } from "../../src/lifecycle/step.ts";
import type { PartlyDone } from "../../src/lifecycle/errors.ts";
import { recoveryContext, stepContext } from "../support/hooks.ts";
import { until } from "../support/until.ts";
import { start } from "./fake_hooks.ts";

describe("hooks around a freeze", () => {
  test("all together have a limit, and every thaw its call", async () => {
    const { step, seen, limitsSeen } = start([
      { name: "a" },
      { name: "b", hangs: ["freeze"] },
      { name: "c" },
    ], 500);
    await assert.rejects(
      async () => await step.quiesce(stepContext()),
      /hook b timeout/,
    );
    assert.deepEqual(seen, ["freeze a", "freeze b", "thaw b", "thaw a"]);
    assert.ok(limitsSeen[1] <= 500, "b had what was left for all, not its own");

    const tolerant = start([
      { name: "a", hangs: ["freeze"], policy: "continue" },
      { name: "b", policy: "continue" },
    ], 100);
    const done = await tolerant.step.quiesce(stepContext()) as Done;
    assert.deepEqual(
      (done.effect.hooks as HookResult[]).map((h) => [h.name, h.status]),
      [["a", "timeout"], ["b", "skipped"]],
    );
    // never started, so it gets no thaw
    await done.undo!(recoveryContext());
    assert.deepEqual(tolerant.seen, ["freeze a", "thaw a"]);
  });

  test("thaws beyond the limit of all run at once", async () => {
    const { step, seen } = start([
      { name: "a" },
      { name: "b", thawAfter: () => seen.includes("thaw a") },
      { name: "c", hangs: ["thaw"] },
      { name: "d" },
    ], 500);
    const done = await step.quiesce(stepContext()) as Done;
    await assert.rejects(
      async () => await done.undo!(recoveryContext()),
      (error: PartlyDone) => {
        assert.deepEqual(
          (error.effect.hooks as HookResult[]).map((h) => [h.name, h.status]),
          [["d", "done"], ["c", "timeout"], ["b", "done"], ["a", "done"]],
        );
        return true;
      },
    );
    assert.deepEqual(seen.slice(4), ["thaw d", "thaw c", "thaw b", "thaw a"]);
  });

  test("given up, it starts no more and thaws what it started", async () => {
    const giveUp = new AbortController();
    const { step, seen, facts } = start([
      { name: "a", hangs: ["freeze"] },
      { name: "b" },
    ]);
    const quiescing = Promise.resolve(step.quiesce(stepContext(giveUp.signal)));
    await until("the first", () => seen.length);
    giveUp.abort();
    await assert.rejects(quiescing, /the prepare was aborted/);
    assert.deepEqual(seen, ["freeze a", "thaw a"]);
    assert.equal(facts[1].outcome, "aborted");
  });
});
