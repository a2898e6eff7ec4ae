/**
 * A workload that the undo cannot thaw, as long as the file of its freezer cannot be written.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Done } from "../../src/lifecycle/step.ts";
import { workloadStep } from "../../src/steps/workload.ts";
import { TestCgroup, withoutCgroups } from "../support/cgroup.ts";
import { owe } from "../support/cleanup.ts";
import { fakeJournal, recoveryContext, stepContext } from "../support/hooks.ts";
import { until } from "../support/until.ts";

/** Makes each write to the freezer fail until the returned function is called. */
function block({ path }: TestCgroup): () => void {
  const file = join(path, "cgroup.freeze");
  // Noted first: a cgroup that is removed with a mount in it leaves a mount that nothing can end.
  const debt = owe(`! mountpoint -q ${file} || umount ${file}`);
  const { status } = spawnSync("mount", ["--bind", "/dev/full", file]);
  assert.equal(status, 0, "mount");
  return () => debt.settle();
}

describe("a thaw that fails", { skip: withoutCgroups() }, () => {
  for (const next of ["nothing", "a prepare"]) {
    test(`is done as soon as it can be, before ${next}`, async () => {
      using group = new TestCgroup();
      await group.run("sleep 86400");
      const journal = fakeJournal();
      const step = workloadStep({
        ...{ cgroups: [group.path], limitMs: 200, journal },
      });
      const quiesce = async () => await step.quiesce(stepContext()) as Done;
      const { undo } = await quiesce();
      const unblock = block(group);
      try {
        await assert.rejects(async () => await undo!(recoveryContext()));
        assert.equal(journal.written.size, 1);
        if (next === "a prepare") await assert.rejects(quiesce(), /ENOSPC/);
        assert.ok(group.frozen);
      } finally {
        unblock();
      }
      if (next === "a prepare") {
        const { effect, undo } = await quiesce();
        assert.deepEqual(effect?.alreadyFrozen, []);
        assert.equal(journal.written.size, 1);
        await undo!(recoveryContext());
      }
      await until(
        "the thaw",
        () => !group.frozen && journal.written.size === 0,
      );
    });
  }
});
