/**
 * The end of the agent while several hosts call: no prepare begins any more, and
 * the process exits only from the state running.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { script, temporary } from "../../support/hooks.ts";
import { until } from "../../support/until.ts";

/** SIGTERM during a prepare. */
export function ending(target: Target): void {
  describe(`the end on ${target}`, () => {
    test("SIGTERM during a prepare: it is undone, and no other begins", async () => {
      const directory = temporary();
      const said = join(directory.path, "said");
      const hooks = join(directory.path, "hooks");
      mkdirSync(hooks);
      // Both phases wait as long as their file is there.
      script(
        join(hooks, "hook"),
        `#!/bin/sh\necho "$1" >> ${said}\n` +
          `while [ -e ${directory.path}/hold-$1 ]; do sleep 0.02; done\n`,
      );
      for (const phase of ["freeze", "thaw"]) {
        script(join(directory.path, `hold-${phase}`), "");
      }
      const calls = () =>
        existsSync(said) ? readFileSync(said, "utf8").trim().split("\n") : [];
      const agent = await TestAgent.start(target, [
        `--hook-directories=${hooks}`,
      ]);
      try {
        const first = agent.ask("POST", "/snapshot/prepare");
        first.catch(() => {});
        await until("the freeze", () => calls().includes("freeze"));
        agent.kill("SIGTERM");
        await until("the thaw", () => calls().includes("thaw"));
        const waiting = agent.ask("POST", "/snapshot/prepare");
        waiting.catch(() => {}); // awaited below
        // It has arrived when a later call on the same agent is answered.
        await agent.ask("GET", "/health");
        directory.forget("hold-thaw");
        directory.forget("hold-freeze");
        const { status, body } = await first;
        assert.equal(status, 503);
        assert.match(body, /it was aborted by SIGTERM/);
        const refused = await waiting;
        assert.equal(refused.status, 503);
        assert.match(refused.body, /urn:lull:problem:ending/);
        await until("its end", () => agent.exitCode !== undefined);
        assert.equal(agent.exitCode, 0);
        assert.deepEqual(calls(), ["freeze", "thaw"]);
      } finally {
        await agent.stop();
        directory.remove();
      }
    });
  });
}
