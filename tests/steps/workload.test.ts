import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, describe, test } from "node:test";
import type { Done } from "../../src/lifecycle/step.ts";
import { workloadStep } from "../../src/steps/workload.ts";
import { TestCgroup, withoutCgroups } from "../support/cgroup.ts";
import { TestDisk, withoutDisks } from "../support/disk.ts";
import {
  fakeJournal,
  recoveryContext,
  stepContext,
  temporary,
} from "../support/hooks.ts";
import { until } from "../support/until.ts";

const skip = withoutCgroups();
const noDisks = skip || withoutDisks();
const directory = temporary();
after(directory.remove);

function start(cgroups: string[], limitMs = 2000) {
  const journal = fakeJournal();
  return { journal, step: workloadStep({ cgroups, limitMs, journal }) };
}

test("without a cgroup there is nothing to do", async () => {
  assert.deepEqual(await start([]).step.quiesce(stepContext()), {
    skipped: "no cgroup was named",
  });
});

describe(`the workload's cgroups${skip ? `: ${skip}` : ""}`, { skip }, () => {
  test("a busy counter stands still from freeze to thaw", async () => {
    await using group = new TestCgroup();
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
    await using group = new TestCgroup();
    await group.run(
      "i=0; while [ $i -lt 199 ]; do (while :; do :; done) & i=$((i+1)); done; wait",
      200,
    );
    // The time is told below; a slow machine takes longer than the agent waits.
    const { step } = start([group.path], 60_000);
    const done = await step.quiesce(stepContext()) as Done;
    console.log(`200 busy processes frozen in ${done.effect.ms} ms`);
    assert.ok(group.frozen);
    const effect = await done.undo!(recoveryContext());
    console.log(`and thawed in ${effect?.ms} ms`);
  });

  test("what the guest froze itself is left so", async () => {
    await using theirs = new TestCgroup();
    await using ours = new TestCgroup();
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
    await using outer = new TestCgroup();
    await using inner = new TestCgroup(outer.path);
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
    await using group = new TestCgroup();
    const { step } = start([group.path]);
    const done = await step.quiesce(stepContext()) as Done;
    group.remove();
    const effect = await done.undo!(recoveryContext());
    assert.deepEqual([effect?.thawed, effect?.gone], [[], [group.path]]);
  });

  test("one wrong name freezes nothing", async () => {
    await using group = new TestCgroup();
    const { step, journal } = start([group.path, "../lull-no-such"]);
    await assert.rejects(
      async () => await step.quiesce(stepContext()),
      /Cannot freeze cgroup \.\.\/lull-no-such: it is not below/,
    );
    assert.ok(!group.frozen);
    assert.equal(journal.written.size, 0);
  });

  test("that of a service that has ended is gone, the others freeze", async () => {
    await using group = new TestCgroup();
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
    await using ends = new TestCgroup();
    await using stays = new TestCgroup();
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

  test("given up, it thaws and fails", async () => {
    await using group = new TestCgroup();
    const { step, journal } = start([group.path]);
    const giveUp = new AbortController();
    giveUp.abort();
    await group.run("while :; do sleep 1; done");
    // frozen at the first look or given up: thawed in either case
    const ended = await Promise.resolve(
      step.quiesce(stepContext(giveUp.signal)),
    ).then((done) => (done as Done).undo!(recoveryContext()), () => "failed");
    assert.ok(ended !== undefined);
    assert.ok(!group.frozen);
    assert.equal(journal.written.size, 0);
  });
});

describe(`a workload that cannot be frozen${noDisks ? `: ${noDisks}` : ""}`, {
  skip: noDisks,
}, () => {
  test("is waited for no longer than its signal says", async () => {
    await using group = new TestCgroup();
    using disk = new TestDisk();
    disk.ask("-f");
    await group.run(`echo x > ${disk.mountPoint}/x`);
    await until("the write to wait", () => group.waits);
    const { step, journal } = start([group.path], 60_000);
    const abort = new AbortController();
    const freezing = step.quiesce(stepContext(abort.signal));
    abort.abort();
    await assert.rejects(async () => await freezing, {
      message: "Cannot freeze the workload: it was given up with the prepare",
    });
    assert.ok(!group.frozen);
    assert.equal(journal.written.size, 0);
  });

  test("is waited for until the limit, then thawed", async () => {
    await using group = new TestCgroup();
    using disk = new TestDisk();
    // Who waits for a frozen disk waits in the kernel, deaf to every signal.
    disk.ask("-f");
    await group.run(`sleep 60 & echo x > ${disk.mountPoint}/x`, 2);
    await until("the write to wait", () => group.waits);
    const { step, journal } = start([group.path], 200);
    const begin = performance.now();
    await assert.rejects(
      async () => await step.quiesce(stepContext()),
      {
        message:
          `Cannot freeze the workload: ${group.path} not frozen within 200 ms`,
      },
    );
    const ms = performance.now() - begin;
    assert.ok(ms >= 199, `${ms} ms`);
    assert.equal(
      readFileSync(join(group.path, "cgroup.freeze"), "utf8"),
      "0\n",
    );
    assert.ok(!group.frozen);
    assert.equal(journal.written.size, 0);
  });
});
