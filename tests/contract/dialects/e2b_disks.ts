/**
 * What E2B's host does around a snapshot of the disks without the memory.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { TestCgroup, withoutCgroups } from "../../support/cgroup.ts";
import { TestDisk, withoutDisks } from "../../support/disk.ts";
import { until } from "../../support/until.ts";
import { E2B } from "./e2b.ts";

const skip = withoutCgroups() || withoutDisks();

/** Declares the tests of the freeze of filesystems for one target. */
export function e2bDisks(target: Target): void {
  const why = skip ? `: ${skip}` : "";
  describe(`the disks of e2b on ${target}${why}`, { skip }, () => {
    test("a pause of the disks only", async () => {
      using disk = new TestDisk();
      using group = new TestCgroup();
      await group.run("while :; do sleep 0.02; done");
      await using agent = await TestAgent.start(target, [
        ...E2B,
        `--freeze-mounts=${disk.mountPoint}`,
        `--workload-cgroup=${group.path}`,
      ]);
      const post = async (path: string) =>
        (await agent.ask("POST", path)).status;
      const kind = async () => (await agent.status()).operation?.kind;
      assert.equal(await post("/fsthaw"), 204, "nothing is frozen");
      assert.equal(await post("/freeze?maxWaitMs=1500"), 200);
      assert.equal(await kind(), "full");
      // Another kind of snapshot: the guest recovers, and its workload freezes again.
      assert.equal(await post("/fsfreeze"), 204);
      assert.equal(await kind(), "disk");
      assert.ok(group.frozen && await disk.frozen());
      // The second call finds it frozen.
      assert.equal(await post("/fsfreeze"), 204);
      assert.equal(await post("/fsthaw"), 204);
      assert.ok(!group.frozen && await disk.takesWrites());
      assert.equal((await agent.status()).lastRecovery.outcome, "resumed");
      // A program of the guest has thawed it meanwhile: nothing is left to thaw.
      assert.equal(await post("/fsfreeze"), 204);
      disk.ask("-u");
      assert.equal(await post("/fsthaw"), 204);
      // What another program froze counts as frozen.
      disk.ask("-f");
      assert.equal(await post("/fsfreeze"), 204);
      assert.equal(await post("/unfreeze"), 204);
      assert.ok(await disk.frozen());
      disk.ask("-u");
    });

    test("filesystems stay frozen beyond the agent's own hold, until the lease ends", async () => {
      using disk = new TestDisk();
      await using agent = await TestAgent.start(target, [
        ...[...E2B, `--freeze-mounts=${disk.mountPoint}`],
        ...["--freeze-hold-ms=500", "--lease=5"],
      ]);
      const { status } = await agent.ask("POST", "/fsfreeze");
      assert.equal(status, 204);
      const begin = performance.now();
      await until(
        "the end of the agent's own hold",
        () => performance.now() - begin > 1000,
      );
      assert.ok(await disk.frozen());
      assert.ok(await disk.takesWrites());
      // The write that waited for the thaw is faster than the end of the recovery.
      const { lastRecovery } = await until("the recovery", async () => {
        const status = await agent.status();
        return status.state === "running" ? status : undefined;
      });
      assert.equal(lastRecovery.trigger, "lease");
      const undo = lastRecovery.steps.find(({ name }: { name: string }) =>
        name === "freeze-mounts"
      );
      assert.equal(undo.effect.expired, false);
      assert.ok(undo.effect.heldMs > 4000, `${undo.effect.heldMs} ms`);
      // The rollback of a pause that failed: nothing is frozen any more.
      assert.equal((await agent.ask("POST", "/fsthaw")).status, 204);
    });
  });
}
