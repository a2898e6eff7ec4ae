/**
 * The contract of E2B's host, row by row.
 */
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { runAgent, type Target, TestAgent } from "../../support/agent.ts";
import type { RawResponse } from "../../support/raw.ts";
import { TestCgroup, withoutCgroups } from "../../support/cgroup.ts";
import { until } from "../../support/until.ts";

/** The flags of an agent for E2B on a machine without a metadata service. */
export const E2B = ["--dialects=e2b", "--e2b-metadata="];

const noCgroups = withoutCgroups();

/** What every reply of E2B's routes has. */
function assertE2b(reply: RawResponse, status: number, what = ""): void {
  assert.equal(reply.status, status, `${what} ${reply.body}`);
  assert.equal(reply.headers.get("x-envd-version"), "0.6.6", what);
  assert.equal(reply.headers.get("cache-control"), "no-store", what);
  if (status < 400) return;
  const { code, message } = reply.json<{ code: number; message: string }>();
  assert.equal(code, status);
  assert.ok(message.length > 5);
}

/** Calls /init with a body of JSON. */
export function init(
  agent: TestAgent,
  body: unknown = {},
  headers: Record<string, string> = {},
): Promise<RawResponse> {
  return agent.ask("POST", "/init", JSON.stringify(body), headers);
}

/** A time this many milliseconds from now, with nanoseconds. */
export function at(ms = 0): string {
  const time = new Date(Date.now() + ms).toISOString();
  return time.replace("Z", "123456Z");
}

/** Declares the tests of the dialect e2b for one target. */
export function e2b(target: Target): void {
  describe(`e2b on ${target}`, () => {
    test("-version is one that passes the host's checks", () => {
      const { status, stdout } = runAgent(target, ["-version"]);
      assert.deepEqual([status, stdout], [0, "0.6.6\n"]);
    });

    test("health is 204 and changes nothing", async () => {
      await using agent = await TestAgent.start(target, E2B);
      assertE2b(await agent.health(), 204);
      await agent.settle();
      assertE2b(await agent.health(), 204);
      assert.equal((await agent.status()).state, "quiesced");
    });

    test("metrics have all fields, as numbers", async () => {
      await using agent = await TestAgent.start(target, E2B);
      const reply = await agent.ask("GET", "/metrics");
      assertE2b(reply, 200);
      const metrics = reply.json<Record<string, number>>();
      const { cpu_used_pct, ...whole } = metrics;
      assert.deepEqual(Object.keys(whole), [
        ...["ts", "cpu_count", "mem_total_mib", "mem_used_mib"],
        ...["mem_total", "mem_used", "mem_cache", "disk_used", "disk_total"],
      ]);
      assert.ok(cpu_used_pct >= 0 && cpu_used_pct <= 100, reply.body);
      for (const [name, value] of Object.entries(whole)) {
        assert.ok(Number.isInteger(value) && value > 0, `${name} ${value}`);
      }
      assert.ok(Math.abs(whole.ts - Date.now() / 1000) < 60);
    });

    test("freeze without a wait is 204, and unfreeze ends it as resumed", async () => {
      await using agent = await TestAgent.start(target, E2B);
      assertE2b(await agent.ask("POST", "/freeze"), 204);
      const { state, lease } = await agent.status();
      assert.equal(state, "quiesced");
      assert.ok(lease.left > 500, JSON.stringify(lease));
      assertE2b(await agent.ask("POST", "/unfreeze"), 204);
      const { lastRecovery } = await agent.status();
      assert.equal(lastRecovery.outcome, "resumed");
      assertE2b(await agent.ask("POST", "/unfreeze"), 204, "nothing is frozen");
    });

    test("freeze with a wait has counts, also if there is nothing to freeze", async () => {
      await using agent = await TestAgent.start(target, E2B);
      const reply = await agent.ask("POST", "/freeze?maxWaitMs=200");
      assertE2b(reply, 200);
      assert.deepEqual(reply.json(), {
        ...{ mode: "legacy", visited: 0, allowlisted: 0, truncated: false },
        ...{ preFrozen: 0, requested: 0, frozen: 0, notFrozen: 0, failed: 0 },
        ...{ unobservable: 0, sweepMs: 0, waitMs: 0 },
      });
      await agent.ask("POST", "/unfreeze");
      for (const wrong of ["maxWaitMs=1.5", "mode=all", "maxWaitMs=-1"]) {
        assertE2b(await agent.ask("POST", `/freeze?${wrong}`), 400, wrong);
      }
      assert.equal((await agent.status()).state, "running");
      // What a later host adds is ignored, as by E2B's agent.
      const later = "/freeze?maxWaitMs=200&depth=3&depth=4&name=%ff";
      assertE2b(await agent.ask("POST", later), 200);
      await agent.ask("POST", "/unfreeze");
    });

    test("the lease ends a freeze whose host has gone", async () => {
      await using agent = await TestAgent.start(target, [...E2B, "--lease=1"]);
      assertE2b(await agent.ask("POST", "/freeze"), 204);
      await until(
        "the end of the lease",
        async () => (await agent.status()).state === "running",
      );
      const { lastRecovery } = await agent.status();
      assert.equal(lastRecovery.trigger, "lease");
      assertE2b(await init(agent), 204);
    });

    test(
      `the workload freezes and thaws${noCgroups ? `: ${noCgroups}` : ""}`,
      { skip: noCgroups },
      async () => {
        using group = new TestCgroup();
        using guests = new TestCgroup();
        await group.run("while :; do sleep 0.02; done");
        guests.ask(true);
        await until("the guest's own freeze", () => guests.frozen);
        await using agent = await TestAgent.start(target, [
          ...E2B,
          `--workload-cgroup=${group.path},${guests.path}`,
        ]);
        const reply = await agent.ask("POST", "/freeze?maxWaitMs=1500");
        assertE2b(reply, 200);
        const { mode, preFrozen, requested, frozen, notFrozen } = reply.json<
          Record<string, unknown>
        >();
        assert.deepEqual(
          { mode, preFrozen, requested, frozen, notFrozen },
          {
            ...{ mode: "legacy", preFrozen: 1, requested: 1 },
            ...{ frozen: 1, notFrozen: 0 },
          },
        );
        assert.ok(group.frozen);
        assertE2b(await init(agent, { timestamp: at() }), 204);
        assert.ok(!group.frozen && guests.frozen);
      },
    );

    test("a filesystem that cannot be frozen is an error, and nothing stays", async () => {
      await using agent = await TestAgent.start(target, E2B);
      // The flags of the tests forbid to freeze the disks of this machine.
      assertE2b(await agent.ask("POST", "/fsfreeze"), 500);
      assert.equal((await agent.status()).state, "running");
      // What an earlier call froze is left to its host.
      assertE2b(await agent.ask("POST", "/freeze"), 204);
      assertE2b(await agent.ask("POST", "/fsfreeze"), 500);
      assert.equal((await agent.status()).state, "quiesced");
      assertE2b(await agent.ask("POST", "/fsthaw"), 204);
      assertE2b(await agent.ask("POST", "/unfreeze"), 204);
      assert.equal((await agent.status()).state, "running");
    });

    test("collapse counts what the kernel did", async () => {
      await using agent = await TestAgent.start(target, E2B);
      const reply = await agent.ask("POST", "/collapse");
      assertE2b(reply, 200);
      const counts = reply.json<Record<string, number>>();
      assert.deepEqual(Object.keys(counts), [
        ...["regions", "chunks", "collapsed", "alreadyHuge", "skipped"],
        "elapsedMs",
      ]);
      const { chunks, collapsed, alreadyHuge, skipped } = counts;
      assert.equal(chunks, collapsed + alreadyHuge + skipped, reply.body);
      assert.ok(Object.values(counts).every(Number.isInteger), reply.body);
    });

    test("init keeps what it has a place for, and names what it does not apply", async () => {
      await using agent = await TestAgent.start(target, E2B);
      const reply = await init(agent, {
        ...{ timestamp: at(), defaultUser: "ada", defaultWorkdir: "/work" },
        ...{ envVars: { A: "1" }, lifecycleID: "life", volumeMounts: [] },
        ...{ caBundle: "PEM", hyperloopIP: "10.0.0.1", tomorrow: true },
      });
      assertE2b(reply, 204);
      assert.equal(
        reply.headers.get("lull-not-applied"),
        "caBundle, hyperloopIP, others",
      );
      assert.equal(
        readFileSync(join(agent.directory, "env"), "utf8"),
        'A="1"\nDEFAULT_USER="ada"\nDEFAULT_WORKDIR="/work"\n',
      );
      const kept = join(agent.directory, "e2b.json");
      assert.equal(statSync(kept).mode & 0o777, 0o600);
      assert.deepEqual(JSON.parse(readFileSync(kept, "utf8")), {
        ...{ lifecycleID: "life", caBundle: "PEM", hyperloopIP: "10.0.0.1" },
        tomorrow: true,
      });
      assertE2b(await agent.ask("POST", "/init"), 204, "without a body");
    });

    test("a wrong body is 400, and nothing is thawed", async () => {
      await using agent = await TestAgent.start(target, E2B);
      await agent.ask("POST", "/freeze");
      for (
        const body of [
          ...["{", "[]", '{"timestamp":"now"}', '{"envVars":{"A":1}}'],
          ...['{"envVars":{"A":"\xff"}}', '{"caBundle":"\xc3"}'],
          '{"accessToken":"\\ud800"}',
        ]
      ) {
        assertE2b(await agent.ask("POST", "/init", body), 400, body);
      }
      assert.equal((await agent.status()).state, "quiesced");
      const volumes = [{ nfs_target: "a:/b", path: "/c" }];
      assertE2b(await init(agent, { volumeMounts: volumes }), 400);
      // The call was authorised: the guest runs.
      assert.equal((await agent.status()).state, "running");
    });
  });
}
