/**
 * The kinds of snapshot: what a prepare of each kind does and reports.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Target, TestAgent } from "../support/agent.ts";
import { script, temporary } from "../support/hooks.ts";
import { masksOf } from "../support/proc.ts";
import { Raw } from "../support/raw.ts";
import { until } from "../support/until.ts";
import { refused } from "./refused.ts";

interface Report {
  kind: string;
  steps: { name: string; status: string; reason?: string }[];
}

/** The steps that each kind leaves out, in the order of the plan. */
const LEFT_OUT = {
  full: [],
  diff: ["memory", "collect", "zero"],
  disk: [
    ...[
      "ports",
      "wipe-credentials",
      "memory",
      "connections",
      "workload-connections",
    ],
    ...[
      "late-connections",
      "idle-collector",
      "collect",
      "wipe-memory",
      "zero",
      "parallelism",
    ],
  ],
} as const;

/** Declares the tests of the kinds for one target. */
export function kinds(target: Target): void {
  describe(`kinds of snapshot on ${target}`, () => {
    const hooks = temporary();
    const directory = temporary();
    const facts = join(directory.path, "facts");
    let agent: TestAgent;
    before(async () => {
      script(
        join(hooks.path, "kind"),
        `#!/bin/sh\necho "$1 $LULL_KIND" >> ${facts}\n`,
      );
      agent = await TestAgent.start(target, [
        `--hook-directories=${hooks.path}`,
        "--snapshot-kind=diff",
      ]);
    });
    after(async () => {
      await agent?.stop();
      directory.remove();
      hooks.remove();
    });

    async function prepare(query: string, body = "") {
      const path = `/snapshot/prepare?wait=settled${query}`;
      const reply = await agent.ask("POST", path, body);
      assert.equal(reply.status, 200, reply.body);
      return reply.json<Report>();
    }

    for (const kind of ["full", "diff", "disk"] as const) {
      test(`${kind}: the report names it and what it left out`, async () => {
        const report = await prepare(`&kind=${kind}`);
        assert.equal(report.kind, kind);
        const reason = `left out by kind ${kind}`;
        const left = report.steps.filter((step) => step.reason === reason);
        assert.deepEqual(left.map(({ name }) => name), LEFT_OUT[kind]);
        for (const { name, status } of report.steps) {
          assert.match(status, /^(done|skipped)$/, name);
        }
        const status = await agent.status();
        assert.equal(status.operation.kind, kind);
        assert.equal(status.settled, true);
        assert.equal(status.keepAlive, kind === "disk");
        const health = await agent.health();
        assert.equal(health.json<{ state: string }>().state, "running");
        assert.equal((await agent.status()).lastRecovery.kind, kind);
        assert.equal(new Set(masksOf(agent.pid).values()).size, 1);
      });

      test(`${kind}: prepare is 204, and its connection closes`, async () => {
        const raw = await Raw.open(agent.port);
        raw.request("POST", `/snapshot/prepare?kind=${kind}`);
        const reply = await raw.response();
        assert.equal(reply.status, 204, reply.body);
        assert.equal(reply.headers.get("connection"), "close");
        await raw.gone();
        await until("the settle", async () => (await agent.status()).settled);
        await agent.health();
      });
    }

    test("a body names it too and wins; without one it is the option's", async () => {
      assert.equal(
        (await prepare("&kind=full", '{"kind":"disk"}')).kind,
        "disk",
      );
      await agent.health();
      assert.equal((await prepare("")).kind, "diff");
      await agent.health();
    });

    test("hooks get it, at freeze and at thaw", async () => {
      const before = readFileSync(facts, "utf8").length;
      await prepare("&kind=disk");
      await agent.health();
      assert.equal(
        readFileSync(facts, "utf8").slice(before),
        "freeze disk\nthaw disk\n",
      );
    });

    test("a kind that there is not is refused", async () => {
      for (
        const [query, body] of [["?kind=whole", ""], ["?kind=", ""], [
          "",
          '{"kind":1}',
        ]]
      ) {
        const path = `/snapshot/prepare${query}`;
        const { errors } = await refused(
          agent,
          "POST",
          path,
          body,
          400,
          "invalid-input",
        );
        assert.deepEqual(errors, [
          { path: "kind", expected: "full, diff or disk" },
        ]);
      }
    });

    test("a prepare of another kind does not join; one without a kind does", async () => {
      await prepare("&kind=full&operation=first&lease=100");
      const path = "/snapshot/prepare?kind=diff&lease=500";
      const reply = await agent.ask("POST", path);
      assert.equal(reply.status, 409, reply.body);
      const problem = reply.json<Record<string, unknown>>();
      assert.equal(problem.type, "urn:lull:problem:other-kind");
      assert.equal(problem.state, "quiesced");
      const { lease, operation } = await agent.status();
      assert.equal(lease.seconds, 100);
      assert.equal(operation.operation, "first");
      // The default of this agent is diff, but no prepare asks for it here.
      assert.equal((await prepare("")).kind, "full");
      assert.equal((await prepare("&kind=full")).kind, "full");
      await agent.health();
    });
  });
}
