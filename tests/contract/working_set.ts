/**
 * The published working set: who gets it, and when.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { type Target, TestAgent } from "../support/agent.ts";
import { Outside, withoutOutside } from "../support/outside.ts";

interface Status {
  settled: boolean;
  workingSet?: { pageSize: number; ranges: [number, number][] };
}

const skip = withoutOutside();

/** Declares the tests of the working set for one target. */
export function workingSet(target: Target): void {
  const what = `the published working set on ${target}`;
  describe(`${what}${skip ? `: ${skip}` : ""}`, { skip }, () => {
    let outside: Outside;
    before(() => {
      outside = new Outside(97);
    });
    after(() => outside?.end());

    function statusFromOutside(agent: TestAgent): Status {
      const reply = outside.reply(agent.port, "GET", "/snapshot");
      return JSON.parse(reply.slice(reply.indexOf("\r\n\r\n") + 4));
    }

    test("goes to a host after the settle, and never into the guest", async () => {
      await using agent = await TestAgent.start(target, [
        "--publish-working-set",
        "--listen=0.0.0.0:0",
        "--no-forward-ports",
      ]);
      assert.equal(statusFromOutside(agent).workingSet, undefined, "running");
      await agent.settle();
      // Calls from inside the guest may prepare here, and still do not get it.
      assert.equal((await agent.status()).workingSet, undefined);
      const { settled, workingSet } = statusFromOutside(agent);
      assert.equal(settled, true);
      if (process.getuid?.() !== 0) return;
      assert.equal(workingSet?.pageSize, 4096);
      const bytes = workingSet.ranges.reduce((sum, [, size]) => sum + size, 0);
      assert.ok(bytes > 2 ** 22, `${bytes} bytes`);
      await agent.health();
      assert.equal(
        statusFromOutside(agent).workingSet,
        undefined,
        "running again",
      );
    });

    test("is not there if it is not switched on", async () => {
      await using agent = await TestAgent.start(target, [
        "--listen=0.0.0.0:0",
        "--no-forward-ports",
      ]);
      await agent.settle();
      const status = statusFromOutside(agent);
      assert.equal(status.settled, true);
      assert.equal(status.workingSet, undefined);
    });
  });
}
