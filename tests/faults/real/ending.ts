/**
 * The end of the agent while several hosts call: no prepare begins any more, and
 * the process exits only from the state running.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Target } from "../../support/agent.ts";
import { Guest, waitingHook } from "../../support/guest.ts";
import { until } from "../../support/until.ts";

/** SIGTERM during a prepare. */
export function ending(target: Target): void {
  describe(`the end on ${target}`, () => {
    test("SIGTERM during a prepare: it is undone, and no other begins", async () => {
      await using guest = new Guest(target, waitingHook);
      guest.hold("freeze");
      guest.hold("thaw");
      const agent = await guest.start();
      const first = agent.ask("POST", "/snapshot/prepare");
      first.catch(() => {});
      await until("the freeze", () => guest.calls.includes("freeze"));
      agent.kill("SIGTERM");
      await until("the thaw", () => guest.calls.includes("thaw"));
      const waiting = agent.ask("POST", "/snapshot/prepare");
      waiting.catch(() => {}); // awaited below
      // It has arrived when a later call on the same agent is answered.
      await agent.ask("GET", "/health");
      guest.letGo("thaw");
      guest.letGo("freeze");
      const { status, body } = await first;
      assert.equal(status, 503);
      assert.match(body, /it was aborted by SIGTERM/);
      const refused = await waiting;
      assert.equal(refused.status, 503);
      assert.match(refused.body, /urn:lull:problem:ending/);
      await until("its end", () => agent.exitCode !== undefined);
      assert.equal(agent.exitCode, 0);
      assert.deepEqual(guest.calls, ["freeze", "thaw"]);
    });
  });
}
