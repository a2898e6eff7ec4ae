import assert from "node:assert/strict";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { after, describe, test } from "node:test";
import type { NotUndone } from "../../src/lifecycle/not_undone.ts";
import type { Done } from "../../src/lifecycle/step.ts";
import { thawWorkload } from "../../src/steps/frozen_workload.ts";
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

test("what stays frozen is left to undo, without what was thawed", async () => {
  const group = (name: string, frozen: boolean) => {
    const path = join(directory.path, name);
    mkdirSync(path);
    writeFileSync(join(path, "cgroup.freeze"), "1");
    writeFileSync(join(path, "cgroup.events"), `frozen ${Number(frozen)}`);
    return path;
  };
  const stuck = group("stuck", true);
  const broken = join(directory.path, "broken");
  mkdirSync(join(broken, "cgroup.freeze"), { recursive: true });
  const cgroups = [broken, group("free", false), stuck, "/lull/gone"];
  await assert.rejects(
    async () => await thawWorkload(20)({ cgroups }),
    (error: NotUndone) => {
      assert.match(
        error.message,
        /^Cannot thaw the workload: .*broken: EISDIR.*stuck: still frozen/,
      );
      assert.deepEqual(error.left, { cgroups: [broken, stuck] });
      assert.deepEqual(error.effect?.thawed, [cgroups[1]]);
      assert.deepEqual(error.effect?.gone, ["/lull/gone"]);
      return true;
    },
  );
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

  test("given up, it thaws and fails", async () => {
    using group = new TestCgroup();
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
    using group = new TestCgroup();
    using disk = new TestDisk();
    disk.ask("-f");
    await group.run(`echo x > ${disk.mountPoint}/x`);
    await until("the write to wait", () => group.waits);
    const { step, journal } = start([group.path], 60_000);
    const abort = new AbortController();
    const freezing = step.quiesce(stepContext(abort.signal));
    abort.abort();
    await assert.rejects(async () => await freezing, {
      message: "Cannot freeze the workload: the prepare was aborted",
    });
    assert.ok(!group.frozen);
    assert.equal(journal.written.size, 0);
  });

  test("is waited for until the limit, then thawed", async () => {
    using group = new TestCgroup();
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
