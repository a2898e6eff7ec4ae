import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Thawed } from "../../src/linux/freezer_messages.ts";
import type { Done, StepContext } from "../../src/lifecycle/step.ts";
import { readMounts } from "../../src/linux/mountinfo.ts";
import { TestDisk, withoutDisks } from "../support/disk.ts";
import { recoveryContext, stepContext } from "../support/hooks.ts";
import { until } from "../support/until.ts";
import { freezeStep, realFreezer } from "./freeze_step.ts";

const skip = withoutDisks();

/** The context of a prepare whose request says how to freeze. */
function asking(freeze: StepContext["freeze"]): StepContext {
  return { ...stepContext(undefined, "disk"), freeze };
}

describe("a request", { skip }, () => {
  test("freezes only the mount points that it names, of those that are chosen", async () => {
    using one = new TestDisk();
    using other = new TestDisk();
    const { step } = freezeStep([one.mountPoint, other.mountPoint]);
    const mounts = [other.mountPoint, "/missing"];
    const done = await step.quiesce(asking({ mounts })) as Done;
    try {
      assert.deepEqual(done.effect.frozen, [other.mountPoint]);
      assert.ok(await one.takesWrites());
      assert.ok(await other.frozen());
    } finally {
      await done.undo!(recoveryContext());
    }
    assert.ok(await other.takesWrites());
  });

  test("chooses nothing if no chosen mount is named", async () => {
    using disk = new TestDisk();
    const { step, journal } = freezeStep([disk.mountPoint]);
    assert.deepEqual(await step.quiesce(asking({ mounts: ["/missing"] })), {
      skipped: "there is no writable mount on a disk",
    });
    assert.equal(journal.written.size, 0);
  });

  test("names one of all filesystems, if none is configured", async () => {
    using disk = new TestDisk();
    const { step } = freezeStep([], {
      // Only the test's own disk: the machine's must not freeze.
      readMounts: () =>
        readMounts().filter(({ mountPoint }) => mountPoint === disk.mountPoint),
    });
    const request = asking({ mounts: [disk.mountPoint] });
    const done = await step.quiesce(request) as Done;
    assert.deepEqual(done.effect.frozen, [disk.mountPoint]);
    await done.undo!(recoveryContext());
    assert.ok(await disk.takesWrites());
  });

  test("holds longer than the configured hold", async () => {
    using disk = new TestDisk();
    const { step } = freezeStep([disk.mountPoint], { holdMs: 1500 });
    const done = await step.quiesce(asking({ holdMs: 60_000 })) as Done;
    const start = performance.now();
    await until("the configured hold", () => performance.now() - start > 1700);
    assert.equal(done.lasts!(), true);
    assert.ok(await disk.frozen());
    const thawed = await done.undo!(recoveryContext()) as Thawed;
    assert.equal(thawed.expired, false);
    assert.deepEqual(thawed.thawed, [disk.mountPoint]);
  });

  test("holds shorter than the configured hold", async () => {
    using disk = new TestDisk();
    const { step } = freezeStep([disk.mountPoint]);
    const done = await step.quiesce(asking({ holdMs: 1500 })) as Done;
    await until("the thaw", () => disk.takesWrites());
    const thawed = await done.undo!(recoveryContext()) as Thawed;
    assert.equal(thawed.expired, true);
    assert.equal(done.lasts!(), false);
  });
});

describe("a trim", { skip }, () => {
  test("reports the freed bytes of a disk, and the errors of others", async () => {
    using disk = new TestDisk();
    const freezer = realFreezer();
    try {
      const { device } = readMounts().find(({ mountPoint }) =>
        mountPoint === disk.mountPoint
      )!;
      const mounts = [
        { mountPoint: disk.mountPoint, device },
        { mountPoint: "/missing", device: "0:0" },
      ];
      const [own, missing] = await freezer.trim(mounts, 0, 10_000);
      assert.equal(own.path, disk.mountPoint);
      assert.equal(own.error, undefined);
      assert.ok(own.trimmed! > 0, `${own.trimmed}`);
      assert.match(missing.error!, /Cannot open mount \/missing: ENOENT/);
    } finally {
      await freezer.end();
    }
  });
});
