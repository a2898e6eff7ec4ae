import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { type Target, TestAgent } from "../support/agent.ts";
import { until } from "../support/until.ts";
import { temporary } from "../support/hooks.ts";

interface Step {
  name: string;
  status: string;
  reason?: string;
  effect?: Record<string, unknown>;
}

const noRoot = process.getuid?.() === 0 ? false : "needs root";

/** What a host tells a recovery, and what becomes of it. */
export function recovery(target: Target): void {
  describe(`recovery on ${target}`, () => {
    let agent: TestAgent;
    before(async () => {
      agent = await TestAgent.start(target);
    });
    after(async () => {
      await agent?.stop();
    });

    async function recover(body: object | (() => object)) {
      await agent.settle();
      const reply = await agent.ask(
        "POST",
        "/snapshot/recover",
        // A host's time is that of the call, not that of the prepare.
        JSON.stringify(typeof body === "function" ? body() : body),
      );
      assert.equal(reply.status, 200, reply.body);
      return reply.json<{ recovery: { outcome: string; steps: Step[] } }>()
        .recovery;
    }

    function stepOf(steps: Step[], name: string): Step {
      const step = steps.find((step) => step.name === name);
      assert.ok(step, `there is a step ${name}`);
      return step;
    }

    test("the host's time is compared, and the skew told", async () => {
      let start = 0;
      const { steps } = await recover(() => {
        start = performance.now();
        return { hostTime: Date.now() };
      });
      // The guest sees the call later than it was made, by no more than this.
      const late = performance.now() - start + 1;
      const { status, effect } = stepOf(steps, "clock");
      assert.equal(status, "done");
      assert.equal(effect?.source, "request");
      assert.ok(Math.abs(Number(effect?.skewBeforeMs)) <= late);
      const words = await recover(() => ({
        hostTime: new Date().toISOString(),
      }));
      assert.equal(stepOf(words.steps, "clock").status, "done");
    });

    test("without the host's time the report says that it may be late", async () => {
      const { steps } = await recover({});
      const { status, reason } = stepOf(steps, "clock");
      assert.equal(status, "skipped");
      assert.match(reason ?? "", /may be late/);
    });

    test("health takes the host's time from a header", async () => {
      for (
        const time of [
          () => String(Date.now()),
          () => new Date().toISOString(),
        ]
      ) {
        await agent.settle();
        await agent.ask("GET", "/health", "", { "lull-host-time": time() });
        const { lastRecovery } = await agent.status();
        assert.equal(stepOf(lastRecovery.steps, "clock").status, "done");
      }
      await agent.settle();
      const reply = await agent.ask("GET", "/health", "", {
        "lull-host-time": "noon",
      });
      assert.equal(reply.status, 400);
      assert.equal((await agent.status()).state, "quiesced");
      await agent.health();
    });

    test("a clock that had no source is set when the time comes", async () => {
      await agent.settle();
      await agent.health();
      assert.equal((await agent.status()).late, undefined);
      await agent.ask("GET", "/health", "", {
        "lull-host-time": String(Date.now()),
      });
      const { late } = await agent.status();
      assert.deepEqual(late.map((s: Step) => `${s.name} ${s.status}`), [
        "clock done",
      ]);
    });

    test("the host's entropy makes a new key", { skip: noRoot }, async () => {
      const entropy = randomBytes(32).toString("base64");
      const { steps } = await recover({ entropy, requireEntropy: true });
      assert.deepEqual(stepOf(steps, "entropy").effect, {
        sources: ["request"],
        bytes: 32,
        accepted: true,
        reseeded: true,
      });
      assert.equal((await agent.health()).status, 200);
    });

    test("wrong values are 400 with their path, and change nothing", async () => {
      const { generation } = await agent.status();
      await agent.settle();
      for (
        const [body, path] of [
          [{ hostTime: "yesterday" }, "hostTime"],
          [{ hostTime: 12 }, "hostTime"],
          [{ roundTripMs: -1 }, "roundTripMs"],
          [{ entropy: "AAAA" }, "entropy"],
          [{ entropy: "not base64!" }, "entropy"],
          [{ entropy: randomBytes(513).toString("base64") }, "entropy"],
          [{ requireEntropy: "yes" }, "requireEntropy"],
          [{ network: { address: "10.0.2.300/24" } }, "network.address"],
          [{ network: { gateway: "router" } }, "network.gateway"],
          [{ network: { mac: "00:11" } }, "network.mac"],
          [{ network: { hostname: "a b" } }, "network.hostname"],
          [{ network: { dns: ["one"] } }, "network.dns.0"],
          [{ network: {} }, "network"],
        ] as const
      ) {
        const text = JSON.stringify(body);
        const reply = await agent.ask("POST", "/snapshot/recover", text);
        assert.equal(reply.status, 400, text);
        const { errors } = reply.json<{ errors: { path: string }[] }>();
        assert.equal(errors[0].path, path, reply.body);
      }
      const status = await agent.status();
      assert.equal(status.state, "quiesced");
      assert.equal(status.generation, generation);
      await agent.health();
    });

    test("--health-recovers=never: recover and the lease do, health does not", async () => {
      const strict = await TestAgent.start(target, [
        "--health-recovers=never",
        "--no-forward-ports",
      ]);
      const stateByHealth = async (headers: Record<string, string> = {}) => {
        const reply = await strict.ask("GET", "/health", "", headers);
        assert.equal(reply.status, 200);
        return reply.json<{ state: string }>().state;
      };
      try {
        await strict.settle();
        const { operation } = (await strict.status()).operation;
        assert.equal(await stateByHealth(), "quiesced");
        const hostTime = () => ({ "lull-host-time": String(Date.now()) });
        assert.equal(await stateByHealth(hostTime()), "quiesced");
        const during = await strict.status();
        assert.equal(during.state, "quiesced");
        assert.equal(during.keepAlive, false);
        assert.equal(during.lastRecovery, undefined);

        const reply = await strict.ask("POST", "/snapshot/recover");
        assert.equal(reply.json<{ recovered: boolean }>().recovered, true);
        const { lastRecovery } = await strict.status();
        assert.equal(lastRecovery.operation, operation);
        assert.equal(lastRecovery.trigger, "recover");
        // What the host says later counts, by health as well.
        assert.equal(await stateByHealth(hostTime()), "running");
        const { late } = await strict.status();
        assert.equal(stepOf(late, "clock").status, "done");

        await strict.ask("POST", "/snapshot/prepare?wait=settled&lease=3");
        await until(
          "the end of the lease",
          async () => await stateByHealth() === "running",
        );
        const { trigger } = (await strict.status()).lastRecovery;
        assert.equal(trigger, "lease");
      } finally {
        await strict.stop();
      }
    });

    test("the outcome comes with its evidence", async () => {
      await agent.settle();
      await agent.health();
      const { outcome, evidence } = (await agent.status()).lastRecovery;
      assert.equal(outcome, "resumed");
      assert.equal(evidence.restored, false);
      assert.deepEqual(
        evidence.sources.map(({ name }: { name: string }) => name),
        ["vmgenid", "vmclock", "rtc", "ptp"],
      );
    });

    test("the generation is published, and survives a restart", async () => {
      const directory = temporary();
      const run = join(directory.path, "run");
      const flags = [`--runtime-directory=${run}`];
      try {
        await using first = await TestAgent.start(target, flags);
        await first.settle();
        await first.health();
        const { generation } = await first.status();
        const published = JSON.parse(
          readFileSync(join(run, "generation"), "utf8"),
        );
        assert.equal(published.generation, generation);
        assert.equal(published.outcome, "resumed");
        await first.stop();
        await using next = await TestAgent.start(target, flags);
        assert.equal((await next.status()).generation, generation);
      } finally {
        directory.remove();
      }
    });
  });
}
