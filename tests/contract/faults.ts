import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Target, TestAgent } from "../support/agent.ts";
import { masksOf } from "../support/proc.ts";
import { Raw } from "../support/raw.ts";
import { until } from "../support/until.ts";

/** The known faults of the handler that Lull replaces (the sixth, callers inside the guest, is elsewhere). */
export function faults(target: Target): void {
  describe(`known faults on ${target}`, () => {
    let agent: TestAgent;
    let cpus: string | undefined;
    before(async () => {
      agent = await TestAgent.start(target);
      cpus = masksOf(agent.pid).get(agent.pid);
    });
    after(async () => {
      await agent?.stop();
    });

    function assertAllCpus(): void {
      for (const [tid, mask] of masksOf(agent.pid)) {
        assert.equal(mask, cpus, `thread ${tid}`);
      }
    }

    test("1: a second prepare before the restore does not keep one CPU for ever", async () => {
      await agent.settle();
      const first = (await agent.status()).operation.operation;
      await agent.settle();
      assert.equal((await agent.ask("POST", "/snapshot/prepare")).status, 204);
      assert.equal((await agent.status()).operation.operation, first);
      await agent.health();
      assertAllCpus();
    });

    test("2: a freeze in the middle of the settle does not pin the restored guest", async () => {
      for (let i = 0; i < 60; i++) {
        const prepare = await Raw.open(agent.port);
        prepare.request("POST", "/snapshot/prepare");
        await prepare.response();
        // Anywhere in the settle: the collection takes tens of milliseconds.
        const end = performance.now() + i;
        await until("the moment", () => performance.now() >= end);
        assert.equal((await agent.health()).status, 200);
        const { lastRecovery } = await agent.status();
        prepare.destroy();
        const { generation } = lastRecovery;
        assertAllCpus();
        await until("no work left", async () => {
          const status = await agent.status();
          assert.equal(status.lastRecovery.generation, generation);
          return status.state === "running";
        });
        assertAllCpus();
      }
    });

    test("3: a host that fails to pause and never calls leaves nothing asleep", async () => {
      await agent.ask("POST", "/snapshot/prepare?wait=settled&lease=3");
      await until(
        "the lease's end",
        async () => (await agent.status()).state === "running",
      );
      const status = await agent.status();
      assert.equal(status.keepAlive, true);
      assert.notEqual(status.ports.state, "stopped");
      assertAllCpus();
    });

    test("4: a stray health poll is no silent undo", async () => {
      // With evidence asked for, it undoes nothing at all ...
      const careful = await TestAgent.start(target, [
        "--health-recovers=restored",
      ]);
      try {
        await careful.settle();
        const health = (await careful.health()).json<
          Record<string, unknown>
        >();
        assert.equal(health.state, "quiesced");
        assert.equal((await careful.status()).settled, true);
        const reply = await careful.ask("POST", "/snapshot/recover");
        assert.equal(reply.json<{ recovered: boolean }>().recovered, true);
      } finally {
        await careful.stop();
      }
      // ... and by default it is said who did it.
      await agent.settle();
      const { operation } = await agent.status();
      await agent.health();
      const { lastRecovery } = await agent.status();
      assert.equal(lastRecovery.operation, operation.operation);
      assert.equal(lastRecovery.trigger, "health");
    });

    test("5: the host is told what was done, and what was not", async () => {
      const report = (await agent.settle()).json<
        {
          steps: {
            status: string;
            ms: number;
            effect?: unknown;
            reason?: string;
          }[];
        }
      >();
      for (const step of report.steps) {
        assert.match(step.status, /^(done|skipped)$/);
        assert.ok(step.ms >= 0);
        const said = step.status === "done" ? step.effect : step.reason;
        assert.ok(said, `${step.status} says why, or what`);
      }
      const { operation } = await agent.status();
      assert.deepEqual(operation.steps, report.steps);
      await agent.health();
    });
  });
}
