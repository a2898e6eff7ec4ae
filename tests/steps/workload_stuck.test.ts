import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Done } from "../../src/lifecycle/step.ts";
import { TestCgroup, withoutCgroups } from "../support/cgroup.ts";
import { TestDisk, withoutDisks } from "../support/disk.ts";
import { recoveryContext, stepContext } from "../support/hooks.ts";
import { until } from "../support/until.ts";
import { start } from "./workload_step.ts";

const noCgroups = withoutCgroups();
const noDisks = noCgroups || withoutDisks();

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
    // A process that waits for a frozen disk waits in the kernel, and takes no signal.
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

describe(`a prepare that is aborted${noCgroups ? `: ${noCgroups}` : ""}`, {
  skip: noCgroups,
}, () => {
  test("thaws the workload, and fails", async () => {
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
