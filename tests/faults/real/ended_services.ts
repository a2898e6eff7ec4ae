import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { TestCgroup, withoutCgroups } from "../../support/cgroup.ts";

interface Step {
  name: string;
  status: string;
  reason?: string;
  effect?: { gone?: string[]; requested?: string[] };
}

/** An agent that is to freeze services, some of which have ended. */
export function endedServices(target: Target): void {
  const skip = withoutCgroups();
  const why = skip ? `: ${skip}` : "";
  describe(`a service that has ended, on ${target}${why}`, { skip }, () => {
    test("is gone, and the others freeze and thaw", async () => {
      using group = new TestCgroup();
      using ending = new TestCgroup();
      const names = `${ending.path},lull-no-such.service,${group.path}`;
      const agent = await TestAgent.start(target, [
        `--workload-cgroup=${names}`,
      ]);
      try {
        for (const gone of [[], [ending.path]]) {
          const reply = await agent.settle();
          assert.equal(reply.status, 200, reply.body);
          const { steps } = reply.json<{ steps: Step[] }>();
          const step = steps.find(({ name }) => name === "workload");
          assert.equal(step?.status, "done", `${step?.reason}`);
          assert.deepEqual(step?.effect?.gone, [
            ...gone,
            "lull-no-such.service",
          ]);
          assert.ok(step?.effect?.requested?.includes(group.path));
          assert.ok(group.frozen);
          assert.equal((await agent.health()).status, 200);
          assert.ok(!group.frozen);
          if (gone.length === 0) ending.remove();
        }
      } finally {
        await agent.stop();
      }
    });

    test("is no name that can never be one: that fails the prepare", async () => {
      using group = new TestCgroup();
      const agent = await TestAgent.start(target, [
        `--workload-cgroup=${group.path},../elsewhere`,
      ]);
      try {
        const reply = await agent.ask("POST", "/snapshot/prepare");
        assert.equal(reply.status, 503, reply.body);
        assert.match(
          reply.json<{ detail: string }>().detail,
          /Cannot freeze cgroup \.\.\/elsewhere: it is not below/,
        );
        assert.ok(!group.frozen);
        assert.equal((await agent.health()).status, 200);
      } finally {
        await agent.stop();
      }
    });
  });
}
