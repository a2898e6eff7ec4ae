/**
 * Mounts that thawed by themselves before the host has called again: the guest does not count as
 * settled, and no prepare renews what does not hold any more.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { TestDisk, withoutDisks } from "../../support/disk.ts";
import { until } from "../../support/until.ts";

/** Declares the tests for one target. */
export function endedHold(target: Target): void {
  const skip = withoutDisks();
  const why = skip ? `: ${skip}` : "";
  describe(`a hold that ended, on ${target}${why}`, { skip }, () => {
    test("is not settled, and the next prepare freezes again", async () => {
      using disk = new TestDisk();
      const agent = await TestAgent.start(target, [
        `--freeze-mounts=${disk.mountPoint}`,
        "--freeze-hold-ms=2000",
      ]);
      const prepare = async () => {
        const path = "/snapshot/prepare?kind=disk&wait=settled&operation=copy";
        const reply = await agent.ask("POST", path);
        assert.equal(reply.status, 200, reply.body);
        assert.ok(await disk.frozen());
      };
      try {
        await prepare();
        await until(
          "the end of the hold",
          async () => !(await agent.status()).settled,
        );
        assert.equal((await agent.status()).state, "quiesced");
        assert.ok(await disk.takesWrites());
        await prepare();
        const { generation, lastRecovery } = await agent.status();
        assert.equal(generation, 1);
        assert.equal(lastRecovery.outcome, "expired");
        await agent.health();
        assert.ok(await disk.takesWrites());
      } finally {
        disk.thaw();
        await agent.stop();
      }
    });
  });
}
