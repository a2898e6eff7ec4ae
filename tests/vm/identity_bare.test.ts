import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe } from "node:test";
import {
  callRecover,
  health,
  LIMIT,
  prepare,
  prepareSettled,
  recover,
  status,
  stepOf,
} from "./support/agent.ts";
import { Fleet, KEEP_MEMORY } from "./support/fleet.ts";
import { assertRightTime, draws, wallClock } from "./support/guest.ts";
import type { Machine, Snapshot } from "./support/machine.ts";

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

  fleet.test("the host's time is set, also before the guest's boot", async () => {
    const fork = await fleet.restore(await prepared());
    await fork.cont();
    const hostTime = Date.parse("2001-02-03T04:05:06Z");
    const uptime = await uptimeOf(fork);
    const report = await recover(fork, { outcome: "restored", hostTime });
    const { status: became, effect } = stepOf(report.steps, "clock");
    assert.equal(became, "done");
    assert.equal(effect?.beforeBoot, true);
    assert.equal(effect?.stepped, true);
    const ahead = await wallClock(fork) - hostTime;
    assert.ok(ahead >= 0 && ahead < LIMIT, `${ahead} ms`);
    // The clock that leases and timers count goes on.
    const passed = await uptimeOf(fork) - uptime;
    assert.ok(passed >= 0 && passed < LIMIT / 1000, `${passed} s`);
    await prepareSettled(fork);
    const back = await recover(fork, { hostTime: Date.now() });
    const again = stepOf(back.steps, "clock");
    assert.equal(again.status, "done");
    assert.equal(again.effect?.beforeBoot, undefined);
    await assertRightTime(fork, 10_000);
    await fleet.kill(fork);
  });
});

/** Seconds since the boot, by CLOCK_BOOTTIME. */
async function uptimeOf(machine: Machine): Promise<number> {
  return Number((await machine.sh("cat /proc/uptime")).split(" ")[0]);
}
