/**
 * The contract of wrenn's host, row by row.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { ask } from "../../support/raw.ts";
import { secondPort } from "./framework.ts";

const FLAGS = ["--dialects=wrenn"];

/** Declares the tests of the dialect wrenn for one target. */
export function wrenn(target: Target): void {
  describe(`wrenn on ${target}`, () => {
    test("a round: health, prepare without a body, health, init", async () => {
      await using agent = await TestAgent.start(target, FLAGS);
      const health = await agent.health();
      assert.equal(health.status, 200);
      assert.equal(typeof health.json<{ version: string }>().version, "string");
      const prepared = await agent.ask("POST", "/snapshot/prepare");
      assert.equal(prepared.status, 204);
      assert.equal((await agent.status()).state, "quiesced");
      assert.equal((await agent.health()).status, 200);
      assert.equal((await agent.status()).state, "running");
      const init = await agent.ask("POST", "/init");
      assert.deepEqual([init.status, init.body], [204, ""]);
      assert.equal((await agent.status()).generation, 1);
    });

    test("init keeps the variables and the user for the workload", async () => {
      await using agent = await TestAgent.start(target, FLAGS);
      const init = (body: unknown) =>
        agent.ask("POST", "/init", JSON.stringify(body));
      const first = { A: "1", QUOTED: 'say "$HOME"' };
      const reply = await init({ defaultUser: "ada", envVars: first });
      assert.equal(reply.status, 204);
      const path = join(agent.directory, "env");
      const text = 'A="1"\nQUOTED="say \\"\\$HOME\\""\nDEFAULT_USER="ada"\n';
      assert.equal(readFileSync(path, "utf8"), text);
      assert.equal((await init({ envVars: { A: "2" } })).status, 204);
      assert.equal((await init({ defaultUser: null })).status, 204);
      assert.equal(
        readFileSync(path, "utf8"),
        text.replace('A="1"', 'A="2"'),
      );
      // No program could read it, and a shell would run it.
      assert.equal((await init({ envVars: { "x;id": "1" } })).status, 204);
      assert.doesNotMatch(readFileSync(path, "utf8"), /id/);
      for (const wrong of [{ envVars: { A: 1 } }, { user: "ada" }, []]) {
        assert.equal((await init(wrong)).status, 400, JSON.stringify(wrong));
      }
    });

    test("init recovers a guest that health does not recover", async () => {
      await using agent = await TestAgent.start(target, [
        ...FLAGS,
        "--health-recovers=never",
      ]);
      await agent.settle();
      await agent.health();
      assert.equal((await agent.status()).state, "quiesced");
      assert.equal((await agent.ask("POST", "/init")).status, 204);
      assert.equal((await agent.status()).state, "running");
    });

    test("metrics are JSON, and OpenMetrics for callers that ask for it", async () => {
      await using agent = await TestAgent.start(target, FLAGS);
      const reply = await agent.ask("GET", "/metrics");
      assert.equal(reply.status, 200);
      const { mem_used } = reply.json<{ mem_used: number }>();
      assert.ok(Number.isInteger(mem_used) && mem_used > 2 ** 20, reply.body);
      for (const accept of ["application/openmetrics-text", "text/plain"]) {
        const { headers } = await agent.ask("GET", "/metrics", "", { accept });
        assert.match(headers.get("content-type")!, /openmetrics/, accept);
      }
    });

    test("a listener of its own has all that wrenn calls", async () => {
      await using agent = await TestAgent.start(target, [
        "--dialects=wrenn@127.0.0.1:0",
      ]);
      const port = secondPort(agent);
      const statuses = await Promise.all([
        ask(port, "GET", "/health"),
        ask(port, "GET", "/metrics"),
        ask(port, "GET", "/snapshot"),
        agent.ask("POST", "/init"),
      ]);
      assert.deepEqual(statuses.map(({ status }) => status), [
        ...[200, 200, 404, 404],
      ]);
      const prepared = await ask(port, "POST", "/snapshot/prepare");
      assert.equal(prepared.status, 204);
      assert.equal((await ask(port, "POST", "/init")).status, 204);
      assert.equal((await agent.status()).state, "running");
    });

    test("a token of Lull guards Lull's routes, and not those of wrenn", async () => {
      await using agent = await TestAgent.start(target, [
        ...FLAGS,
        "--token-file=/dev/null",
      ]);
      assert.equal((await agent.ask("POST", "/init")).status, 204);
      assert.equal((await agent.ask("POST", "/snapshot/prepare")).status, 401);
    });
  });
}
