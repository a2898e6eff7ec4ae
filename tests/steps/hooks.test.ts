import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HookResult } from "../../src/hooks/hook.ts";
import { OUTPUT, withOutput } from "../../src/hooks/output.ts";
import type { Done } from "../../src/lifecycle/step.ts";
import { PartlyDone } from "../../src/lifecycle/errors.ts";
import { hooksStep } from "../../src/steps/hooks.ts";
import {
  owedThaws,
  recoveryContext,
  SILENT,
  stepContext,
} from "../support/hooks.ts";
import { start } from "./fake_hooks.ts";

const fails = { status: "failed", reason: "exit code 1" } as const;

describe("hooks around a freeze", () => {
  test("freeze in order, thaw in reverse, with the facts of each", async () => {
    const { step, seen, facts, journal } = start([
      { name: "a" },
      { name: "b" },
    ]);
    const done = await step.quiesce(stepContext()) as Done;
    assert.deepEqual(seen, ["freeze a", "freeze b"]);
    assert.deepEqual(journal.written.get("hooks")?.started, [
      "script a",
      "script b",
    ]);
    const effect = await done.undo!(recoveryContext());
    assert.deepEqual(seen.slice(2), ["thaw b", "thaw a"]);
    assert.deepEqual(facts[0], {
      phase: "freeze",
      operation: "op",
      generation: 7,
      kind: "full",
    });
    assert.deepEqual(facts[2], {
      phase: "thaw",
      operation: "op",
      generation: 8,
      kind: "full",
      outcome: "restored",
      hostTime: "2031-01-02T03:04:05Z",
    });
    assert.deepEqual(
      (effect?.hooks as HookResult[]).map(({ name }) => name),
      ["b", "a"],
    );
    assert.equal(journal.written.size, 0);
  });

  test("without a hook there is nothing to do", async () => {
    const { step } = start([]);
    assert.deepEqual(await step.quiesce(stepContext()), {
      skipped: "there are no hooks",
    });
  });

  test("a failure thaws what was started, and nothing else", async () => {
    const { step, seen, journal } = start([
      { name: "a", thaw: fails },
      { name: "b", freeze: fails },
      { name: "c" },
    ]);
    const failure = await Promise.resolve(step.quiesce(stepContext())).then(
      () => assert.fail("it held"),
      (error) => error,
    );
    assert.ok(failure instanceof PartlyDone);
    assert.equal(
      failure.message,
      "Cannot freeze the hooks: hook b failed: exit code 1" +
        "; thaw: hook a failed: exit code 1",
    );
    assert.deepEqual(seen, ["freeze a", "freeze b", "thaw b", "thaw a"]);
    assert.deepEqual(
      (failure.effect.thawed as HookResult[]).map(({ name }) => name),
      ["b", "a"],
    );
    assert.deepEqual(failure.effect.owed, ["a"]);
    assert.deepEqual(journal.written.get("hooks")?.started, ["script a"]);
  });

  test("a failure that stops nothing is in the report, and thawed", async () => {
    const { step, seen } = start([
      { name: "a", freeze: fails, policy: "continue" },
      { name: "b" },
    ]);
    const done = await step.quiesce(stepContext()) as Done;
    const statuses = (done.effect.hooks as HookResult[]).map((h) => h.status);
    assert.deepEqual(statuses, ["failed", "done"]);
    await done.undo!(recoveryContext());
    assert.deepEqual(seen.slice(2), ["thaw b", "thaw a"]);
  });

  test("all thaws run whatever fails, and the failures are owed", async () => {
    const { step, seen, journal } = start([
      { name: "a", thaw: fails },
      { name: "b", thaw: { status: "gone", reason: "not connected" } },
      { name: "c", thaw: { status: "timeout", reason: "late" } },
      { name: "d", thaw: { status: "withdrawn", reason: "it left" } },
      { name: "e" },
    ]);
    const done = await step.quiesce(stepContext()) as Done;
    await assert.rejects(
      async () => await done.undo!(recoveryContext()),
      (error: PartlyDone) => {
        assert.equal(
          error.message,
          "Cannot thaw the hooks: hook c timeout: late; hook b gone: " +
            "not connected; hook a failed: exit code 1",
        );
        assert.deepEqual(error.effect.owed, ["c", "b", "a"]);
        return true;
      },
    );
    assert.deepEqual(
      seen.slice(5),
      ["thaw e", "thaw d", "thaw c", "thaw b", "thaw a"],
    );
    const { started, outcome } = journal.written.get("hooks")!;
    assert.deepEqual(started, ["script c", "script b", "script a"]);
    assert.equal(outcome, "restored");
  });

  test("the next thaw of a hook pays what it is owed", async () => {
    let broken = true;
    const { step, journal } = start([{
      name: "a",
      get thaw() {
        return broken ? fails : {};
      },
    }]);
    for (const left of [1, 1, 0]) {
      broken = left > 0;
      const done = await step.quiesce(stepContext()) as Done;
      await Promise.resolve(done.undo!(recoveryContext())).catch(() => {});
      assert.equal(journal.written.size, left);
    }
  });

  test("a hook that cannot be called has no thaw to get", async () => {
    const { step, seen, journal } = start([
      { name: "a" },
      { name: "b", freeze: { ...fails, reached: false }, policy: "continue" },
      { name: "c", freeze: { ...fails, reached: false } },
    ]);
    await assert.rejects(
      async () => await step.quiesce(stepContext()),
      /^PartlyDone: Cannot freeze the hooks: hook c failed: exit code 1$/,
    );
    assert.deepEqual(seen, ["freeze a", "freeze b", "freeze c", "thaw a"]);
    assert.equal(journal.written.size, 0);
  });

  test("a program that leaves during its freeze has failed", async () => {
    const { step } = start([
      { name: "a", freeze: { status: "gone", reason: "left" } },
    ]);
    await assert.rejects(
      async () => await step.quiesce(stepContext()),
      /hook a gone: left/,
    );
  });

  test("what cannot be written down is not started", async () => {
    const { seen, hooks } = start([{ name: "a" }, { name: "b" }]);
    let updates = 0;
    const step = hooksStep({
      hooks: () => hooks,
      limitMs: 1000,
      journal: {
        record: () => ({
          update() {
            if (++updates === 2) throw new Error("no space");
          },
          erase() {},
        }),
      },
      ...{ owed: owedThaws(), log: SILENT },
    });
    await assert.rejects(
      async () => await step.quiesce(stepContext()),
      /Cannot freeze the hooks: no space/,
    );
    assert.deepEqual(seen, ["freeze a", "thaw a"]);
  });

  test("what they said is logged and in no report", async () => {
    const secret = { [OUTPUT]: "password=1234" };
    const { step, logged } = start([
      { name: "a", freeze: secret, thaw: { ...secret, ...fails } },
      { name: "b", freeze: secret },
    ]);
    const done = await step.quiesce(stepContext()) as Done;
    const failure = await Promise.resolve(done.undo!(recoveryContext())).then(
      () => assert.fail("it did not fail"),
      (error: PartlyDone) => error,
    );
    const reports = { freeze: done.effect, thaw: failure.effect };
    assert.doesNotMatch(JSON.stringify(reports) + failure.message, /1234/);
    assert.equal(
      JSON.stringify(withOutput(reports)).match(/"output":"password=1234"/g)
        ?.length,
      3,
    );
    assert.deepEqual(logged.map(({ phase, said }) => [phase, said]), [
      ["freeze", [
        { hook: "a", status: "done", output: "password=1234" },
        { hook: "b", status: "done", output: "password=1234" },
      ]],
      ["thaw", [{ hook: "a", status: "failed", output: "password=1234" }]],
    ]);
  });
});
