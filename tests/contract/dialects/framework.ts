/**
 * Which routes are where when dialects are on.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runAgent, type Target, TestAgent } from "../../support/agent.ts";
import { temporary } from "../../support/hooks.ts";
import { ask } from "../../support/raw.ts";

/** The port of the agent's last listener. */
export function secondPort(agent: TestAgent): number {
  const line = agent.lines().find(({ message }) => message === "listening");
  const last = (line!.at as string[]).at(-1)!;
  return Number(last.slice(last.lastIndexOf(":") + 1));
}

/** Declares the tests of the framework for one target. */
export function framework(target: Target): void {
  describe(`dialects on ${target}`, () => {
    test("none is on: there is no route of any", async () => {
      await using agent = await TestAgent.start(target);
      for (const path of ["/init", "/freeze", "/unfreeze", "/fsfreeze"]) {
        assert.equal((await agent.ask("POST", path)).status, 404, path);
      }
      const { headers } = await agent.ask("GET", "/metrics");
      assert.match(headers.get("content-type")!, /openmetrics/);
    });

    test("on Lull's listener, a dialect's routes are beside Lull's", async () => {
      await using agent = await TestAgent.start(target, ["--dialects=e2b"]);
      assert.equal((await agent.health()).status, 204);
      const status = await agent.status();
      assert.equal(status.state, "running");
      const wrong = await agent.ask("POST", "/health");
      assert.equal(wrong.status, 405);
      assert.equal(wrong.headers.get("allow"), "GET, HEAD");
    });

    test("on a listener of its own, it has its routes, and Lull keeps its own", async () => {
      await using agent = await TestAgent.start(target, [
        "--dialects=e2b@127.0.0.1:0",
      ]);
      const port = secondPort(agent);
      assert.equal((await agent.health()).status, 200);
      assert.equal((await ask(port, "GET", "/health")).status, 204);
      assert.equal((await ask(port, "GET", "/snapshot")).status, 404);
      assert.equal((await agent.ask("POST", "/freeze")).status, 404);
    });

    test("a listener of its own on a port that is taken: one line says so", async () => {
      await using agent = await TestAgent.start(target);
      const directory = temporary();
      const { status, stderr } = runAgent(target, [
        ...["--listen=127.0.0.1:0", "--no-forward-ports", "--hooks-socket="],
        `--runtime-directory=${directory.path}`,
        `--dialects=e2b@127.0.0.1:${agent.port}`,
      ]);
      directory.remove();
      assert.equal(status, 1);
      assert.equal(
        stderr.trim().split("\n").at(-1),
        `lull: Cannot listen on 127.0.0.1:${agent.port}: EADDRINUSE; end the program that listens there, or name another address with --dialects`,
      );
    });

    test("two that cannot share a listener: one line says so", () => {
      const { status, stderr } = runAgent(target, ["--dialects=wrenn,e2b"]);
      assert.equal(status, 2);
      assert.match(
        stderr,
        /^lull: Cannot use the dialects wrenn and e2b on one listener: [^\n]*\n$/,
      );
    });
  });
}
