import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HookResult } from "../../src/hooks/hook.ts";
import type { Done } from "../../src/lifecycle/step.ts";
import { HooksError, hooksStep, thawOwed } from "../../src/steps/hooks.ts";
import { recoveryContext, stepContext } from "../support/hooks.ts";
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
    });
    assert.deepEqual(facts[2], {
      phase: "thaw",
      operation: "op",
      generation: 8,
      outcome: "restored",
      hostTime: "2031-01-02T03:04:05Z",
    });
    assert.deepEqual(
      (effect?.hooks as HookResult[]).map(({ name }) => name),
      ["b", "a"],
    );
    assert.equal(journal.written.size, 0);
  });

  test("with nobody there is nothing to do", async () => {
    const { step } = start([]);
    assert.deepEqual(await step.quiesce(stepContext()), {
      skipped: "there are no hooks",
    });
  });

  test("a failure thaws what was started, and nothing else", async () => {
    const { step, seen, journal } = start([
      { name: "a", thaw: { ...fails, output: "x\nno lock\n" } },
      { name: "b", freeze: { ...fails, output: "disk full" } },
      { name: "c" },
    ]);
    const failure = await Promise.resolve(step.quiesce(stepContext())).then(
      () => assert.fail("it held"),
      (error) => error,
    );
    assert.ok(failure instanceof HooksError);
    assert.equal(
      failure.message,
      "Cannot freeze the hooks: hook b failed: exit code 1 (disk full)" +
        "; thaw: hook a failed: exit code 1 (no lock)",
    );
    assert.deepEqual(seen, ["freeze a", "freeze b", "thaw b", "thaw a"]);
    assert.deepEqual(
      (failure.effect.thawed as HookResult[]).map(({ name }) => name),
      ["b", "a"],
    );
    assert.equal(journal.written.size, 0);
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

  test("all thaws run whatever fails, and the failures are named", async () => {
    const { step, seen, journal } = start([
      { name: "a", thaw: fails },
      { name: "b", thaw: { status: "gone", reason: "left" } },
      { name: "c", thaw: { status: "timeout", reason: "late" } },
    ]);
    const done = await step.quiesce(stepContext()) as Done;
    await assert.rejects(
      async () => await done.undo!(recoveryContext()),
      {
        name: "HooksError",
        message: "Cannot thaw the hooks: hook c timeout: late" +
          "; hook a failed: exit code 1",
      },
    );
    assert.deepEqual(seen.slice(3), ["thaw c", "thaw b", "thaw a"]);
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
    });
    await assert.rejects(
      async () => await step.quiesce(stepContext()),
      /Cannot freeze the hooks: no space/,
    );
    assert.deepEqual(seen, ["freeze a", "thaw a"]);
  });

  test("an agent that was killed owes the thaws of who still takes part", async () => {
    const { seen, facts, hooks } = start([
      { name: "a" },
      { name: "b" },
      { name: "c" },
    ]);
    const repair = thawOwed({ hooks: () => hooks, limitMs: 1000 });
    await repair({
      operation: "op",
      generation: 7,
      started: ["script a", "script c", "script /etc/passwd"],
    });
    assert.deepEqual(seen, ["thaw c", "thaw a"]);
    assert.equal(facts[0].outcome, "aborted");
  });
});
