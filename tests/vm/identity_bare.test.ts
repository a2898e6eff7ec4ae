import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe } from "node:test";
import {
  callRecover,
  health,
  prepare,
  prepareSettled,
  recover,
  status,
  stepOf,
} from "./support/agent.ts";
import { Fleet, KEEP_MEMORY } from "./support/fleet.ts";
import { draws } from "./support/guest.ts";
import type { Snapshot } from "./support/machine.ts";

/** Bytes that a host gives to one fork only. */
function fresh(): string {
  return randomBytes(32).toString("base64");
}

describe("a restored machine without a VMGenID device", () => {
  const fleet = new Fleet("bun", {
    guid: "none",
    flags: ["--no-forward-ports", ...KEEP_MEMORY],
  });
  let made: Promise<Snapshot> | undefined;
  const prepared = () => made ??= lay();

  async function lay(): Promise<Snapshot> {
    const source = await fleet.copy();
    await prepareSettled(source);
    const snapshot = await fleet.snapshot(source, "no generation id");
    await fleet.kill(source);
    return snapshot;
  }

  fleet.test("three forks draw different numbers, by what their host gave them", async () => {
    const drawn: string[] = [];
    for (const _ of [1, 2, 3]) {
      const fork = await fleet.restore(await prepared());
      await fork.cont();
      const report = await recover(fork, {
        ...{ outcome: "restored", entropy: fresh(), requireEntropy: true },
      });
      // The guest cannot know by itself: the host's word counts.
      assert.equal(report.outcome, "restored");
      assert.equal(report.evidence?.conclusive, false);
      assert.equal(report.evidence?.restored, false);
      const { effect } = stepOf(report.steps, "entropy");
      assert.deepEqual(effect?.sources, ["request"]);
      assert.equal(effect?.bytes, 32);
      assert.equal(effect?.accepted, true);
      assert.equal(effect?.reseeded, true);
      assert.equal((await health(fork)).state, "running");
      drawn.push(...await draws(fork), await prepare(fork));
      await fleet.kill(fork);
    }
    assert.equal(new Set(drawn).size, 9, drawn.join(" "));
  });

  fleet.test("requireEntropy: not healthy until the random pool is new", async () => {
    const fork = await fleet.restore(await prepared());
    await fork.cont();
    const { status: code, reply } = await callRecover(fork, {
      ...{ outcome: "restored", requireEntropy: true },
    });
    assert.equal(code, 503);
    const { effect } = stepOf(reply.recovery?.steps, "entropy");
    assert.equal(effect?.reseeded, false);
    assert.equal((await fork.fetch("/health")).status, 503);
    assert.equal((await status(fork)).state, "running");
    const again = await callRecover(fork);
    assert.equal(again.status, 503);
    assert.equal((await fork.fetch("/health")).status, 503);

    const third = await callRecover(fork, { entropy: fresh() });
    assert.equal(third.status, 200, JSON.stringify(third.reply));
    assert.equal(stepOf(third.reply.late, "entropy").effect?.reseeded, true);
    assert.equal((await health(fork)).state, "running");
    await fleet.kill(fork);
  });
});
