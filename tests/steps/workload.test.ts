import assert from "node:assert/strict";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, describe, test } from "node:test";
import type { Done } from "../../src/lifecycle/step.ts";
import { workloadStep } from "../../src/steps/workload.ts";
import { TestCgroup, withoutCgroups } from "../support/cgroup.ts";
import {
  fakeJournal,
  recoveryContext,
  stepContext,
  temporary,
} from "../support/hooks.ts";
import { until } from "../support/until.ts";
import { start } from "./workload_step.ts";

const skip = withoutCgroups();
const directory = temporary();
after(directory.remove);

test("without a cgroup there is nothing to do", async () => {
  assert.deepEqual(await start([]).step.quiesce(stepContext()), {
    skipped: "no cgroup was named",
  });
});

describe(`the workload's cgroups${skip ? `: ${skip}` : ""}`, { skip }, () => {
  test("a busy counter stands still from freeze to thaw", async () => {
    using group = new TestCgroup();
    const file = join(directory.path, "counter");
    await group.run(`i=0; while :; do i=$((i+1)); echo $i > ${file}; done`);
    const count = () => Number(readFileSync(file, "utf8"));
    await until("the counter", () => existsSync(file) && count() > 10);
    // by its name, as the configuration gives it
    const { step, journal } = start([basename(group.path)]);
    const done = await step.quiesce(stepContext()) as Done;
    const frozen = readFileSync(file, "utf8");
    assert.ok(group.frozen);
    assert.deepEqual(done.effect.requested, [group.path]);
    assert.deepEqual(journal.written.get("workload"), {
      cgroups: [group.path],
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(readFileSync(file, "utf8"), frozen);
    const effect = await done.undo!(recoveryContext());
    assert.deepEqual(effect?.thawed, [group.path]);
    assert.ok(!group.frozen);
    assert.equal(journal.written.size, 0);
    await until("it to go on", () => count() > Number(frozen));
  });

  test("200 busy processes", async () => {
    using group = new TestCgroup();
    const gate = join(directory.path, "gate");
    // They wait for each other: a shell that competes with busy ones takes minutes to start all.
    await group.run(
      `renice -n 19 -p $$ >/dev/null
      mkfifo ${gate}
      i=0
      while [ $i -lt 199 ]; do
        (: < ${gate}; while :; do :; done) & i=$((i+1))
      done
      wait`,
      200,
    );
    const open = openSync(gate, "r+");
    try {
      await until("all of them to be busy", () => group.running >= 199);
      // How long it takes is the machine's: the limit is another test's.
      const { step } = start([group.path], 60_000);
      const done = await step.quiesce(stepContext()) as Done;
      console.log(`200 busy processes frozen in ${done.effect.ms} ms`);
      assert.ok(group.frozen);
      const effect = await done.undo!(recoveryContext());
      console.log(`and thawed in ${effect?.ms} ms`);
      assert.ok(!group.frozen);
    } finally {
      closeSync(open);
    }
  });

  test("what the guest froze itself is left so", async () => {
    using theirs = new TestCgroup();
    using ours = new TestCgroup();
    theirs.ask(true);
    const { step } = start([theirs.path, ours.path]);
    const done = await step.quiesce(stepContext()) as Done;
    assert.deepEqual(done.effect.alreadyFrozen, [theirs.path]);
    assert.deepEqual(done.effect.requested, [ours.path]);
    await done.undo!(recoveryContext());
    assert.ok(theirs.frozen);
    assert.ok(!ours.frozen);
  });

  test("one within another", async () => {
    using outer = new TestCgroup();
    using inner = new TestCgroup(outer.path);
    await inner.run("while :; do sleep 1; done");
    const { step } = start([outer.path, inner.path]);
    const done = await step.quiesce(stepContext()) as Done;
    assert.ok(outer.frozen && inner.frozen);
    await done.undo!(recoveryContext());
    assert.ok(!outer.frozen && !inner.frozen);
    // under a cgroup that the guest froze, a thaw is as far as it can go
    outer.ask(true);
    const below = start([inner.path]);
    const second = await below.step.quiesce(stepContext()) as Done;
    await second.undo!(recoveryContext());
    assert.ok(inner.frozen, "held from above");
  });

  test("a cgroup that is removed meanwhile is gone, not failed", async () => {
    using group = new TestCgroup();
    const { step } = start([group.path]);
    const done = await step.quiesce(stepContext()) as Done;
    group.remove();
    const effect = await done.undo!(recoveryContext());
    assert.deepEqual([effect?.thawed, effect?.gone], [[], [group.path]]);
  });

  test("one wrong name freezes nothing", async () => {
    using group = new TestCgroup();
    const { step, journal } = start([group.path, "../lull-no-such"]);
    await assert.rejects(
      async () => await step.quiesce(stepContext()),
      /Cannot freeze cgroup \.\.\/lull-no-such: it is not below/,
    );
    assert.ok(!group.frozen);
    assert.equal(journal.written.size, 0);
  });

  test("that of a service that has ended is gone, the others freeze", async () => {
    using group = new TestCgroup();
    const { step, journal } = start(["lull-no-such", group.path]);
    const done = await step.quiesce(stepContext()) as Done;
    assert.deepEqual(done.effect.gone, ["lull-no-such"]);
    assert.deepEqual(done.effect.requested, [group.path]);
    assert.equal(done.effect.frozen, 1);
    assert.ok(group.frozen);
    await done.undo!(recoveryContext());
    assert.ok(!group.frozen);
    assert.equal(journal.written.size, 0);
  });

  test("where all services have ended there is nothing to freeze", async () => {
    const { step, journal } = start(["lull-no-such"]);
    const done = await step.quiesce(stepContext()) as Done;
    assert.deepEqual(done.effect.gone, ["lull-no-such"]);
    assert.equal(done.effect.frozen, 0);
    assert.equal(done.undo, undefined);
    assert.equal(journal.written.size, 0);
  });

  test("one that ends between the look and the write is gone", async () => {
    using ends = new TestCgroup();
    using stays = new TestCgroup();
    const written = fakeJournal();
    const step = workloadStep({
      cgroups: [ends.path, stays.path],
      limitMs: 2000,
      // Written between the two.
      journal: {
        record(kind, change) {
          ends.remove();
          return written.record(kind, change);
        },
      },
    });
    const done = await step.quiesce(stepContext()) as Done;
    assert.deepEqual(done.effect.gone, [ends.path]);
    assert.deepEqual(done.effect.requested, [stays.path]);
    assert.ok(stays.frozen);
    const effect = await done.undo!(recoveryContext());
    assert.deepEqual([effect?.thawed, effect?.gone], [[stays.path], [
      ends.path,
    ]]);
    assert.equal(written.written.size, 0);
  });
});
