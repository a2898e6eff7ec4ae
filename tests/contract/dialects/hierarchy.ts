/**
 * Everything outside the agent's own chain of cgroups is frozen: by the option of Lull, and by the
 * mode `hierarchy` of E2B. The agent is in a namespace of cgroups.
 */
import assert from "node:assert/strict";
import { basename } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { TestCgroup, withoutCgroups } from "../../support/cgroup.ts";
import { inCgroupNamespace } from "../../support/cgroup_namespace.ts";
import { initUntilReply } from "../../support/e2b_host.ts";
import { until } from "../../support/until.ts";
import { E2B } from "./e2b.ts";

const skip = withoutCgroups();

const SPIN = "while :; do sleep 0.02; done";

/** Declares the tests of the freeze of everything for one target. */
export function hierarchy(target: Target): void {
  const what = `the hierarchy of cgroups on ${target}`;
  describe(`${what}${skip ? `: ${skip}` : ""}`, { skip }, () => {
    /** The root, the agent's own, a pod with a container with a cgroup of its own, and two more. */
    let groups: readonly TestCgroup[];
    let agent: TestAgent;
    before(async () => {
      const root = new TestCgroup();
      const home = new TestCgroup(root.path);
      const pod = new TestCgroup(root.path);
      const container = new TestCgroup(pod.path);
      const inner = new TestCgroup(container.path);
      const paused = new TestCgroup(root.path);
      const kept = new TestCgroup(root.path);
      groups = [root, home, pod, container, inner, paused, kept];
      await inner.run(SPIN);
      await kept.run(SPIN);
      paused.ask(true);
      await until("the guest's own freeze", () => paused.frozen);
      agent = await TestAgent.start(
        target,
        [
          ...E2B,
          "--workload-cgroup=all",
          `--workload-except=${basename(kept.path)}`,
        ],
        {},
        inCgroupNamespace(root, home),
      );
    });
    after(async () => {
      await agent?.stop();
      for (const group of groups?.toReversed() ?? []) group[Symbol.dispose]();
    });

    function assertFrozen(frozen: boolean): void {
      const [root, home, pod, container, inner, paused, kept] = groups;
      for (const group of [pod, container, inner]) {
        assert.equal(group.frozen, frozen, group.path);
      }
      for (const group of [root, home, kept]) {
        assert.ok(!group.frozen, group.path);
      }
      assert.ok(paused.frozen, "what the guest itself froze");
    }

    test("by the option all, until the recovery", async () => {
      await agent.settle();
      assertFrozen(true);
      const { operation } = await agent.status();
      const { effect } = operation.steps.find(
        ({ name }: { name: string }) => name === "workload",
      );
      assert.deepEqual(
        effect.requested.map((path: string) => basename(path)),
        [basename(groups[2].path)],
      );
      assert.equal((await agent.ask("POST", "/snapshot/recover")).status, 200);
      assertFrozen(false);
    });

    test("by the mode of E2B, with counts, and an audit at init", async () => {
      const reply = await agent.ask(
        "POST",
        "/freeze?mode=hierarchy&maxWaitMs=1500&maxCgroups=100",
      );
      const { sweepMs, waitMs, ...counts } = reply.json<
        Record<string, number>
      >();
      assert.ok(sweepMs >= 0 && waitMs >= 0, reply.body);
      assert.deepEqual(counts, {
        ...{ mode: "hierarchy", visited: 5, allowlisted: 1, truncated: false },
        ...{ preFrozen: 1, requested: 1, frozen: 1, notFrozen: 0, failed: 0 },
        unobservable: 0,
      });
      assertFrozen(true);
      // One more, which appears after the freeze.
      using late = new TestCgroup(groups[0].path);
      const { reply: init } = await initUntilReply(agent);
      assert.equal(init.status, 204);
      const audit = init.headers.get("x-envd-freeze-audit")!;
      assert.deepEqual(JSON.parse(audit), {
        ...{ visited: 8, frozen: 4, escaped: 1, violations: 0 },
        truncated: false,
      });
      assert.ok(!late.frozen);
      assertFrozen(false);
    });

    test("a tree larger than the host's limit is truncated, and thaws", async () => {
      const reply = await agent.ask(
        "POST",
        "/freeze?mode=hierarchy&maxWaitMs=1500&maxCgroups=2",
      );
      const { truncated, visited } = reply.json<Record<string, unknown>>();
      assert.deepEqual([truncated, visited], [true, 2]);
      assert.equal((await agent.ask("POST", "/unfreeze")).status, 204);
      assertFrozen(false);
    });
  });
}
