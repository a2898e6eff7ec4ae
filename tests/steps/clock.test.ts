import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { HostClock } from "../../src/linux/clock.ts";
import type { Libc } from "../../src/linux/libc.ts";
import type { RecoverRequest } from "../../src/lifecycle/request.ts";
import { clockRepair } from "../../src/steps/clock.ts";
import { realLibc } from "../support/libc.ts";
import { repairWith } from "../support/recovery.ts";
import { until } from "../support/until.ts";

/** A machine that booted an hour ago, at its wall clock's time 0 of the test. */
const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;

/** A kernel whose clocks stand still until they are set. */
function fakeClocks(refuse = false): Libc & { wall: number } {
  const fake = {
    wall: NOW,
    errno: () => 1,
    clock_gettime(clock: number, time: Uint8Array | null) {
      const ms = clock === 0 ? fake.wall : HOUR;
      const view = new DataView(time!.buffer);
      view.setBigInt64(0, BigInt(Math.floor(ms / 1000)), true);
      view.setBigInt64(8, BigInt(Math.round(ms % 1000 * 1e6)), true);
      return 0;
    },
    clock_settime(_: number, time: Uint8Array | null) {
      if (refuse) return -1;
      const view = new DataView(time!.buffer);
      fake.wall = Number(view.getBigInt64(0, true)) * 1000 +
        Number(view.getBigInt64(8, true)) / 1e6;
      return 0;
    },
  };
  return fake;
}

function repair(
  libc: Libc,
  request: RecoverRequest,
  device?: HostClock,
  more: Partial<Parameters<typeof clockRepair>[0]> = {},
) {
  const step = clockRepair({
    libc,
    toleranceMs: 50,
    hostClock: () => device,
    defer: () => assert.fail("nothing is deferred"),
    onError: (error) => assert.fail(String(error)),
    daemons: () => [],
    ...more,
  });
  return repairWith(step, request);
}

/** Milliseconds that a busy machine may take; less than each part of a time that counts. */
const SLACK_MS = 150;

function near(actual: unknown, expected: number): void {
  assert.ok(
    Math.abs(Number(actual) - expected) < SLACK_MS,
    `${actual} is not near ${expected}`,
  );
}

describe("the clock repair", () => {
  it("takes the host's time, half the round trip and the wait", async () => {
    const libc = fakeClocks();
    const effect = await repair(libc, {
      hostTime: NOW + 10_000,
      roundTripMs: 400,
      receivedAt: performance.now() - 300,
    });
    near(libc.wall, NOW + 10_500);
    assert.equal(effect.source, "request");
    assert.equal(effect.stepped, true);
    near(effect.skewBeforeMs, -10_500);
    near(effect.skewAfterMs, 0);
  });

  it("steps back a clock that is ahead", async () => {
    const libc = fakeClocks();
    const effect = await repair(libc, { hostTime: NOW - 60_000 });
    near(libc.wall, NOW - 60_000);
    near(effect.skewBeforeMs, 60_000);
  });

  it("leaves a small skew alone", async () => {
    const libc = fakeClocks();
    const effect = await repair(libc, { hostTime: NOW + 20 });
    assert.equal(libc.wall, NOW);
    assert.equal(effect.stepped, false);
    assert.equal(effect.skewAfterMs, effect.skewBeforeMs);
  });

  it("sets a time before the boot, and says so", async () => {
    const libc = fakeClocks();
    const hostTime = NOW - HOUR - 60_000;
    const effect = await repair(libc, { hostTime });
    near(libc.wall, hostTime);
    assert.equal(effect.stepped, true);
    assert.equal(effect.beforeBoot, true);
    near(effect.skewBeforeMs, HOUR + 60_000);
    near(effect.skewAfterMs, 0);
    // Set right again: that is no time before the boot.
    const back = await repair(libc, { hostTime: NOW });
    near(libc.wall, NOW);
    assert.equal("beforeBoot" in back, false);
  });

  it("tells how far ahead a clock stays that the kernel does not set", async () => {
    await assert.rejects(
      repair(fakeClocks(true), { hostTime: NOW - 9000 }),
      /Cannot set the wall clock: EPERM; it is \d+(\.\d+)? ms ahead of request/,
    );
  });

  it("asks the host's clock where the caller said nothing", async () => {
    const libc = fakeClocks();
    const device = { name: "/dev/ptp0", read: () => NOW + 5000 };
    const effect = await repair(libc, {}, device);
    assert.deepEqual(effect, {
      source: "/dev/ptp0",
      skewBeforeMs: -5000,
      skewAfterMs: 0,
      stepped: true,
    });
  });

  it("says that the clock may be late if no time is known", async () => {
    const effect = await repair(fakeClocks(), {});
    assert.match(String(effect.skipped), /the wall clock may be late/);
  });

  it("tells the daemons that keep the clock right, after the reply", async () => {
    const told: string[] = [];
    const errors: unknown[] = [];
    const deferred: (() => void)[] = [];
    const chrony = (name: "chrony", tell: () => Promise<void>) => ({
      ...{ name, told: "chronyc reset sources", tell },
    });
    const effect = await repair(
      fakeClocks(),
      { hostTime: NOW + 9000 },
      undefined,
      {
        defer: (action) => deferred.push(action),
        onError: (error) => errors.push(error),
        daemons: () => [
          chrony("chrony", () => Promise.resolve(void told.push("told"))),
          chrony("chrony", () => Promise.reject(new Error("refused"))),
          { name: "systemd-timesyncd", told: "by the kernel" },
        ],
      },
    );
    const states = () =>
      (effect.daemons as { status: string }[]).map(({ status }) => status);
    assert.deepEqual(states(), ["later", "later", "done"]);
    assert.deepEqual(told, []);
    for (const action of deferred) action();
    await until("the result", () => !states().includes("later"));
    assert.deepEqual(states(), ["done", "failed", "done"]);
    assert.deepEqual(told, ["told"]);
    assert.equal(errors.length, 1);
  });

  it("tells no daemon if the clock is right", async () => {
    const daemons = () => assert.fail("it looks for daemons");
    const effect = await repair(
      fakeClocks(),
      { hostTime: NOW + 20 },
      undefined,
      { daemons },
    );
    assert.equal("daemons" in effect, false);
  });

  it("is skipped without a C library", async () => {
    const effect = await repair({}, { hostTime: NOW });
    assert.equal(effect.skipped, "the C library could not be loaded");
  });

  it("fails with the skew where the kernel refuses", async () => {
    await assert.rejects(
      repair(fakeClocks(true), { hostTime: NOW + 9000 }),
      /Cannot set the wall clock: EPERM; it is 90\d\d(\.\d+)? ms behind request/,
    );
  });

  it("finds this machine's clock right by itself", async () => {
    const effect = await repair(await realLibc(), { hostTime: Date.now() });
    near(effect.skewBeforeMs, 0);
    assert.equal(effect.stepped, false);
  });
});
