/**
 * The contract of wrenn's host, row by row.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { LullClient } from "../../../src/client/mod.ts";
import { type Target, TestAgent } from "../../support/agent.ts";
import { script, temporary } from "../../support/hooks.ts";
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
      for (const wrong of [{ envVars: { A: 1 } }, { defaultUser: 1 }, []]) {
        assert.equal((await init(wrong)).status, 400, JSON.stringify(wrong));
      }
      // A field that a later host adds is named, and is no error.
      const later = await init({ user: "ada", envVars: { A: "3" } });
      assert.equal(later.status, 204);
      assert.equal(later.headers.get("lull-not-applied"), "others");
      assert.match(readFileSync(path, "utf8"), /^A="3"$/m);
    });

    test("init keeps each variable as it was sent, or says that it did not", async () => {
      await using agent = await TestAgent.start(target, FLAGS);
      const init = (text: string) => agent.ask("POST", "/init", text);
      const kept = () => readFileSync(join(agent.directory, "env"), "utf8");
      // Names that mean something to JavaScript.
      const odd = '{"__proto__":"1","constructor":"2","prototype":"3"}';
      const reply = await init(`{"envVars":${odd}}`);
      assert.equal(reply.headers.get("lull-not-applied"), undefined);
      assert.equal(kept(), '__proto__="1"\nconstructor="2"\nprototype="3"\n');
      // No file has half a character, and systemd refuses control characters.
      for (const value of ["\\ud800", "\\u0000", "\\u001b[0m"]) {
        const body = `{"envVars":{"A":"${value}","B":"b"}}`;
        const reply = await init(body);
        assert.equal(reply.status, 204);
        assert.equal(reply.headers.get("lull-not-applied"), "envVars", value);
        assert.match(kept(), /^B="b"$/m);
        assert.doesNotMatch(kept(), /^A=/m, value);
      }
      // No reply repeats a name that the caller chose.
      const wrong = await init('{"envVars":{"SECRET":1}}');
      assert.equal(wrong.status, 400);
      assert.doesNotMatch(wrong.body, /SECRET/);
    });

    test("init calls at the same time lose no variable of each other", async () => {
      const hooks = temporary();
      script(join(hooks.path, "slow"), "#!/bin/sh\nsleep 0.3\n");
      await using agent = await TestAgent.start(target, [
        ...[...FLAGS, "--health-recovers=never"],
        `--hook-directories=${hooks.path}`,
      ]);
      await agent.settle();
      const names = ["A", "B", "C"];
      const replies = await Promise.all(
        names.map((name) =>
          agent.ask(
            "POST",
            "/init",
            JSON.stringify({ envVars: { [name]: "1" } }),
          )
        ),
      );
      assert.deepEqual(replies.map(({ status }) => status), [204, 204, 204]);
      const lines = readFileSync(join(agent.directory, "env"), "utf8").trim();
      assert.deepEqual(
        lines.split("\n").sort(),
        names.map((name) => `${name}="1"`),
      );
      hooks.remove();
    });

    test("hooks get the variables, but for those of Lull and PATH", async () => {
      const hooks = temporary();
      const said = join(hooks.path, "said");
      script(
        join(hooks.path, "hook"),
        `#!/bin/sh\necho "$1|$LULL_OUTCOME|$TRACEPARENT|$PATH|$REGION" >> ${said}\n`,
      );
      await using agent = await TestAgent.start(target, [
        ...[...FLAGS, `--hook-directories=${hooks.path}`],
      ]);
      const envVars = {
        ...{ LULL_OUTCOME: "x", TRACEPARENT: "x", PATH: "/nowhere" },
        REGION: "north",
      };
      const body = JSON.stringify({ envVars });
      assert.equal((await agent.ask("POST", "/init", body)).status, 204);
      assert.equal((await agent.ask("POST", "/snapshot/prepare")).status, 204);
      assert.equal(
        readFileSync(said, "utf8"),
        `freeze|||${process.env.PATH}|north\n`,
      );
      hooks.remove();
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
      const accepted = {
        "application/openmetrics-text": /openmetrics/,
        "text/plain": /openmetrics/,
        // Prometheus.
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1":
          /openmetrics/,
        "*/*": /json/,
        "application/json": /json/,
        // Clients in JavaScript, which take any text if there is no JSON.
        "application/json, text/plain, */*": /json/,
      };
      for (const [accept, type] of Object.entries(accepted)) {
        const { headers } = await agent.ask("GET", "/metrics", "", { accept });
        assert.match(headers.get("content-type")!, type, accept);
      }
      const client = new LullClient(`http://127.0.0.1:${agent.port}`);
      assert.match(await client.metrics(), /^# TYPE lull_requests counter$/m);
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
      const accept = "application/openmetrics-text";
      const scraped = await ask(port, "GET", "/metrics", "", { accept });
      assert.equal(scraped.status, 200);
      assert.match(scraped.headers.get("content-type")!, /openmetrics/);
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
