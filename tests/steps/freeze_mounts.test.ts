import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Done } from "../../src/lifecycle/step.ts";
import type { Thawed } from "../../src/linux/freezer_messages.ts";
import { TestDisk, withoutDisks } from "../support/disk.ts";
import { recoveryContext, stepContext } from "../support/hooks.ts";
import { until } from "../support/until.ts";
import { freezerOf, freezeStep } from "./freeze_step.ts";

const skip = withoutDisks();

const thawedBy = async (done: Done) =>
  await done.undo!(recoveryContext()) as Thawed;

test("without a mount there is nothing to do", async () => {
  assert.deepEqual(await freezeStep([]).step.quiesce(stepContext()), {
    skipped: "no mount was named",
  });
});

describe(`frozen mounts${skip ? `: ${skip}` : ""}`, { skip }, () => {
  test("take no writes until the thaw", async () => {
    using disk = new TestDisk();
    const writer = disk.writer();
    await until("the writer", () => writer.count() > 10);
    const { step, journal } = freezeStep([disk.mountPoint]);
    const done = await step.quiesce(stepContext()) as Done;
    console.log(`a mount frozen in ${done.effect.ms} ms`);
    assert.deepEqual(done.effect.frozen, [disk.mountPoint]);
    assert.equal(journal.written.size, 1);
    assert.ok(await disk.frozen());
    assert.equal(done.lasts?.(), true);
    const thawed = await thawedBy(done);
    assert.deepEqual(thawed.thawed, [disk.mountPoint]);
    assert.equal(thawed.expired, false);
    assert.equal(journal.written.size, 0);
    assert.ok(await disk.takesWrites());
  });

  test("the inner is frozen first, the outer thawed first", async () => {
    using outer = new TestDisk();
    using inner = new TestDisk(outer.mountPoint);
    // named in the other order, and twice
    const { step } = freezeStep([
      outer.mountPoint,
      inner.mountPoint,
      outer.mountPoint,
    ]);
    const done = await step.quiesce(stepContext()) as Done;
    const thawed = await thawedBy(done);
    assert.deepEqual(thawed.thawed, [outer.mountPoint, inner.mountPoint]);
    assert.ok(await outer.takesWrites() && await inner.takesWrites());
  });

  test("thaw by themselves when they are held too long", async () => {
    using disk = new TestDisk();
    const { step, journal } = freezeStep([disk.mountPoint], { holdMs: 3000 });
    const done = await step.quiesce(stepContext()) as Done;
    assert.ok(await disk.frozen());
    assert.ok(await disk.takesWrites(), "once it has thawed");
    assert.equal(done.lasts?.(), false);
    const thawed = await thawedBy(done);
    assert.equal(thawed.expired, true);
    assert.ok(thawed.heldMs >= 2950, `${thawed.heldMs}`);
    assert.equal(journal.written.size, 0);
  });

  test("what the guest froze itself is left so (EBUSY)", async () => {
    using disk = new TestDisk();
    disk.ask("-f");
    const { step, journal } = freezeStep([disk.mountPoint]);
    const done = await step.quiesce(stepContext()) as Done;
    assert.deepEqual(done.effect.alreadyFrozen, [disk.mountPoint]);
    assert.deepEqual(journal.written.get("mounts"), { mounts: [] });
    assert.deepEqual((await thawedBy(done)).thawed, []);
    assert.ok(await disk.frozen());
    disk.ask("-u");
  });

  test("what the guest thawed itself is no failure (EINVAL)", async () => {
    using disk = new TestDisk();
    const { step } = freezeStep([disk.mountPoint]);
    const done = await step.quiesce(stepContext()) as Done;
    disk.ask("-u");
    assert.deepEqual((await thawedBy(done)).notFrozen, [disk.mountPoint]);
  });

  test("one that cannot be frozen leaves none frozen", async () => {
    using disk = new TestDisk();
    // /proc was mounted before, so it comes last
    const { step, journal, errors } = freezeStep(["/proc", disk.mountPoint]);
    await assert.rejects(
      async () => await step.quiesce(stepContext()),
      /^Error: Cannot freeze \/proc: its kind of filesystem cannot be frozen$/,
    );
    assert.ok(await disk.takesWrites());
    assert.equal(journal.written.size, 0);
    assert.deepEqual(errors, []);
  });

  test("one that the agent writes is refused before anything is frozen", async () => {
    using disk = new TestDisk();
    const { step, journal } = freezeStep([disk.mountPoint], {
      needed: () => [{ path: disk.mountPoint, what: "the runtime directory" }],
    });
    await assert.rejects(
      async () => await step.quiesce(stepContext()),
      /Cannot freeze \S+: the runtime directory \S+ lies on it/,
    );
    assert.equal(journal.written.size, 0);
    assert.ok(await disk.takesWrites());
  });

  test("are thawed by another thread while theirs is stuck", async () => {
    using one = new TestDisk();
    using other = new TestDisk();
    one.ask("-f");
    const { mounts, freezer } = freezerOf(one, other);
    try {
      // The one is frozen already, the other is frozen by this thread.
      await freezer.freeze(mounts, {
        ...{ holdMs: 60_000, limitMs: 60_000 },
        signal: new AbortController().signal,
      });
      assert.deepEqual(await freezer.thawKnown(10_000), []);
      assert.ok(await other.takesWrites());
      assert.ok(await one.frozen(), "the guest froze it");
    } finally {
      await freezer.thaw(10_000);
      await freezer.end();
    }
  });
});
