import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { runAgent, type Target } from "../../support/agent.ts";
import { Guest, notingHook } from "../../support/guest.ts";

/** A runtime directory that another program removes while the agent runs. */
export function removedDirectory(target: Target): void {
  describe(`a removed runtime directory on ${target}`, () => {
    test("prevents no prepare, and is locked again", async () => {
      await using guest = new Guest(target, notingHook);
      const agent = await guest.start();
      await round();
      rmSync(guest.run, { recursive: true });
      await round();
      assert.equal((await agent.settle()).status, 200);
      const { status, stderr } = runAgent(target, [
        ...guest.flags,
        "--listen=127.0.0.1:0",
      ]);
      assert.equal(status, 1, stderr);
      assert.ok(stderr.includes(`process ${agent.pid} `), stderr);
      assert.equal((await agent.status()).state, "quiesced");
      await agent.health();

      async function round() {
        const before = guest.calls.length;
        const reply = await agent.settle();
        assert.equal(reply.status, 200, reply.body);
        assert.equal((await agent.health()).status, 200);
        assert.deepEqual(guest.calls.slice(before), ["freeze", "thaw"]);
      }
    });

    test("that another agent has made again is left to that agent", async () => {
      await using guest = new Guest(target, notingHook);
      const first = await guest.start();
      await first.settle();
      await first.health();
      const aside = join(guest.path, "aside");
      renameSync(guest.run, aside);
      mkdirSync(guest.run);
      const second = await guest.start();
      // It has a journal of its own.
      await second.settle();
      await second.health();
      const before = guest.calls.length;
      rmSync(aside, { recursive: true });
      const reply = await first.settle();
      assert.equal(reply.status, 503, reply.body);
      assert.match(
        reply.body,
        new RegExp(`process ${second.pid} is the agent`),
      );
      assert.equal((await first.status()).state, "running");
      assert.equal(guest.calls.length, before);
      assert.equal((await second.settle()).status, 200);
      assert.equal((await second.health()).status, 200);
    });
  });
}
