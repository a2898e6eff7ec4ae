import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { Raw } from "../../support/raw.ts";
import { until } from "../../support/until.ts";
import { round } from "./round.ts";

/** More lines than all that lies between has room for, and the agent itself. */
const REQUESTS = 6000;
const AT_ONCE = 100;

/** What the agent's stderr is, and what makes it so. */
const KINDS: Record<string, readonly string[]> = {
  socket: [], // as the runtimes start programs, and systemd
  pipe: ["bash", "-c", 'exec "$@" 2> >(exec cat >&2)', "bash"],
};

/** An agent whose log is not read. */
export function unreadLog(target: Target): void {
  describe(`a log without a reader, on ${target}`, () => {
    for (const [kind, prefix] of Object.entries(KINDS)) {
      test(`a ${kind}: it answers and quiesces, and tells what it lost`, async () => {
        const agent = await TestAgent.start(target, [], {}, prefix);
        try {
          agent.listens = false;
          await fill(agent);
          await round(agent);
          assert.ok(!agent.output.includes("log lines were lost"));
          agent.listens = true;
          await until(
            "what it lost",
            () => /^\(\d+ log lines were lost/m.test(agent.output),
          );
          await agent.ask("GET", "/last-words");
          await until(
            "the newest line",
            () => agent.lines().some(({ path }) => path === "/last-words"),
          );
        } finally {
          agent.listens = true;
          await agent.stop();
        }
      });
    }
  });
}

async function fill(agent: TestAgent): Promise<void> {
  const client = await Raw.open(agent.port);
  for (let i = 0; i < REQUESTS; i += AT_ONCE) {
    for (let j = 0; j < AT_ONCE; j++) client.request("GET", "/health");
    for (let j = 0; j < AT_ONCE; j++) {
      assert.equal((await client.response(10_000)).status, 200);
    }
  }
  client.destroy();
}
