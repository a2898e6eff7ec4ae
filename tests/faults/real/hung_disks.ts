import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Target } from "../../support/agent.ts";
import { HungDisk, withoutHungDisk } from "../../support/hung_disk.ts";
import { until } from "../../support/until.ts";
import { addsNoThread, answersDuring, sync, withAgent } from "./answers.ts";

/** An agent beside a disk that never answers. */
export function hungDisks(target: Target): void {
  const skip = withoutHungDisk();
  const why = skip ? `: ${skip}` : "";
  describe(`a disk that never answers, on ${target}${why}`, { skip }, () => {
    test("is given up, and not tried again until it answers", async () => {
      using disk = new HungDisk();
      const { mountPoint } = disk;
      await withAgent(target, disk, [], async (agent) => {
        const first = await answersDuring(agent, sync(agent, 30_000));
        assert.equal(first.status, "failed");
        assert.ok(
          first.reason?.includes(`${mountPoint}: no answer within 9500 ms`),
          `${first.reason}`,
        );
        assert.ok(first.effect?.mounts?.includes("/"), "the others are synced");
        await addsNoThread(agent, async () => {
          const next = await sync(agent);
          assert.equal(next.status, "failed");
          assert.ok(
            next.reason?.includes(`${mountPoint}: a sync that an earlier prep`),
            `${next.reason}`,
          );
        });
        disk.answer();
        await until("a whole sync", async () => {
          const { status, effect } = await sync(agent, 20_000);
          return status === "done" && effect?.mounts?.includes(mountPoint);
        });
      }, () => disk.answer()); // or no signal ends the agent
    });
  });
}
