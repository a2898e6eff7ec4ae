import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Target, TestAgent } from "../support/agent.ts";
import { masksOf, socketsOn } from "../support/proc.ts";
import { Raw } from "../support/raw.ts";
import { until } from "../support/until.ts";

interface Step {
  name: string;
  status: string;
  effect?: Record<string, number>;
}

/** Prepare, settle, recover: whole rounds and what they leave. */
export function rounds(target: Target): void {
  describe(`rounds on ${target}`, () => {
    let agent: TestAgent;
    let lastCpu: string | undefined;
    before(async () => {
      agent = await TestAgent.start(target, ["--page-out=settle"]);
      lastCpu = /\d+$/.exec(masksOf(agent.pid).get(agent.pid)!)?.[0];
    });
    after(async () => {
      await agent?.stop();
    });

    function pinned(): boolean {
      return [...masksOf(agent.pid).values()].every((mask) => mask === lastCpu);
    }

    test("prepare is 204, empty, not to be stored, and closes", async () => {
      const raw = await Raw.open(agent.port);
      raw.request("POST", "/snapshot/prepare");
      const reply = await raw.response();
      assert.equal(reply.status, 204);
      assert.equal(reply.body, "");
      assert.equal(reply.headers.get("cache-control"), "no-store");
      assert.equal(reply.headers.get("connection"), "close");
      assert.match(reply.headers.get("lull-operation") ?? "", /^[0-9a-f]{32}$/);
      await raw.gone();
      await until("the settle", async () => (await agent.status()).settled);
      assert.ok(pinned());
      assert.equal((await agent.health()).status, 200);
    });

    test("wait=settled replies with the report, after the settle", async () => {
      const before = masksOf(agent.pid);
      const reply = await agent.settle();
      assert.ok(pinned(), "pinned before the reply left");
      assert.equal(reply.status, 200);
      const report = reply.json<{ settled: boolean; steps: Step[] }>();
      assert.equal(report.settled, true);
      assert.deepEqual(
        report.steps.map(({ name, status }) => `${name} ${status}`),
        [
          "hooks skipped",
          "ports done",
          "workload skipped",
          "filesystem done",
          "freeze-mounts skipped",
          "wipe-credentials skipped",
          "memory skipped",
          "connections done",
          "workload-connections done",
          "evidence done",
          "late-connections done",
          "idle-collector done",
          "collect done",
          "wipe-memory skipped",
          "zero done",
          "parallelism done",
        ],
      );
      const threads = report.steps.at(-1)?.effect?.threads ?? 0;
      assert.ok(threads >= 2, `${threads} threads`);
      await agent.health();
      for (const [tid, mask] of masksOf(agent.pid)) {
        assert.equal(mask, before.get(tid) ?? before.get(agent.pid));
      }
    });

    test("a body may ask for the same as the query, and wins", async () => {
      const reply = await agent.ask(
        "POST",
        "/snapshot/prepare?operation=query&lease=5",
        '{"operation":"body","wait":"settled"}',
      );
      assert.equal(reply.json<{ operation: string }>().operation, "body");
      const status = await agent.status();
      assert.equal(status.operation.operation, "body");
      assert.equal(status.lease.seconds, 5);
      assert.ok(status.lease.left > 0 && status.lease.left <= 5);
      await agent.health();
    });

    test("quiesced: there is no connection, and the status is complete", async () => {
      const { port } = agent;
      await agent.settle();
      await until("no connection", () => socketsOn(port, "01").length === 0);
      const status = await agent.status();
      assert.equal(status.state, "quiesced");
      assert.equal(status.settled, true);
      assert.equal(status.keepAlive, false);
      assert.equal(status.ports.state, "stopped");
      assert.equal((await agent.status()).state, "quiesced");
      await agent.health();
      const after = await agent.status();
      assert.equal(after.state, "running");
      assert.equal(after.keepAlive, true);
      assert.notEqual(after.ports.state, "stopped");
    });

    test("health recovers before it replies, and reports it", async () => {
      const { generation } = await agent.status();
      const { operation } = (await agent.settle()).json<
        { operation: string }
      >();
      const health = (await agent.health()).json<Record<string, unknown>>();
      assert.equal(health.state, "running");
      assert.equal(health.generation, generation + 1);
      const { lastRecovery } = await agent.status();
      assert.equal(lastRecovery.operation, operation);
      assert.equal(lastRecovery.trigger, "health");
      const undone = lastRecovery.steps.map((s: Step) => s.name);
      assert.deepEqual(undone, [
        "entropy",
        "clock",
        "network",
        "renew",
        "credentials",
        "env",
        "reset-connections",
        "generation",
        "parallelism",
        "zero",
        "idle-collector",
        "evidence",
        "workload-connections",
        "connections",
        "ports",
      ]);
    });

    test("recover reports, and takes the host's word for the outcome", async () => {
      await agent.settle();
      const reply = await agent.ask(
        "POST",
        "/snapshot/recover",
        '{"outcome":"aborted"}',
      );
      // deno-lint-ignore no-explicit-any
      const { recovered, recovery } = reply.json<any>();
      assert.equal(recovered, true);
      assert.equal(recovery.outcome, "aborted");
      assert.equal(recovery.trigger, "recover");
      const again = await agent.ask("POST", "/snapshot/recover");
      assert.deepEqual(again.json(), { recovered: false });
    });

    test("fifty health checks at once: one recovery, all 200 after it", async () => {
      const { generation } = await agent.status();
      await agent.settle();
      const replies = await Promise.all(
        Array.from({ length: 50 }, () => agent.health()),
      );
      for (const reply of replies) {
        assert.equal(reply.status, 200);
        const health = reply.json<Record<string, unknown>>();
        assert.equal(health.state, "running");
        assert.equal(health.generation, generation + 1);
      }
    });

    test("the lease recovers a guest that gets no call", async () => {
      const reply = await agent.ask("POST", "/snapshot/prepare?lease=3");
      assert.equal(reply.status, 204);
      await until(
        "the lease's end",
        async () => (await agent.status()).state === "running",
      );
      const { lastRecovery } = await agent.status();
      assert.equal(lastRecovery.outcome, "expired");
      assert.equal(lastRecovery.trigger, "lease");
    });

    test("nothing is logged while quiesced, and nothing is lost", async () => {
      await agent.settle();
      const { length } = agent.output;
      await agent.ask("GET", "/nowhere", "", { "x-request-id": "in-between" });
      await agent.status();
      assert.equal(agent.output.length, length);
      await agent.health();
      await until(
        "the held lines",
        () => agent.lines().some(({ request }) => request === "in-between"),
      );
      const messages = agent.lines().map(({ message }) => message);
      assert.ok(messages.lastIndexOf("recovered") > 0);
    });
  });
}
