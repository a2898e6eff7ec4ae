import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import {
  hostClock,
  HostClockFinder,
  setWallClock,
  uptime,
  wallClock,
} from "../../src/linux/clock.ts";
import type { Libc } from "../../src/linux/libc.ts";
import { realLibc } from "../support/libc.ts";

const noRoot = process.getuid?.() !== 0 && "needs root";

describe("the kernel's clocks", () => {
  it("agree with those of the runtime", async () => {
    const libc = await realLibc();
    const before = Date.now();
    const wall = wallClock(libc);
    assert.ok(wall > before - 50 && wall < Date.now() + 50, `${wall}`);
    const now = performance.now();
    assert.ok(uptime(libc) >= now - 50);
  });

  it("are set to the nanosecond that a number can say", () => {
    const set: bigint[] = [];
    const libc: Libc = {
      clock_settime(clock, time) {
        assert.equal(clock, 0);
        set.push(...new BigInt64Array(time!.slice().buffer));
        return 0;
      },
    };
    setWallClock(libc, 1_700_000_000_250.5);
    assert.deepEqual(set, [1_700_000_000n, 250_500_000n]);
  });

  it("take a step that is none from root", { skip: noRoot }, async () => {
    const libc = await realLibc();
    const before = wallClock(libc);
    setWallClock(libc, before);
    assert.ok(Math.abs(wallClock(libc) - before) < 50);
  });

  it("refuse with a reason", () => {
    const libc: Libc = { clock_settime: () => -1, errno: () => 1 };
    assert.throws(() => setWallClock(libc, 0), {
      message: "Cannot set the wall clock: EPERM",
    });
  });
});

describe("the host's clock", () => {
  it("is a PTP clock that is known to tell UTC, and no other", () => {
    const directory = mkdtempSync(join(tmpdir(), "lull-ptp-"));
    const add = (device: string, name: string) => {
      mkdirSync(join(directory, device));
      writeFileSync(join(directory, device, "clock_name"), `${name}\n`);
    };
    const libc: Libc = { clock_gettime: () => 0 };
    try {
      assert.equal(hostClock(libc, directory), undefined);
      add("ptp0", "some network card");
      assert.equal(hostClock(libc, directory), undefined);
      add("ptp1", "KVM virtual PTP");
      assert.equal(hostClock(libc, directory)?.name, "/dev/ptp1");
      assert.equal(hostClock({}, directory), undefined);
    } finally {
      rmSync(directory, { recursive: true });
    }
    assert.equal(hostClock(libc, directory), undefined);
  });

  it("that was found last needs no other look", () => {
    const clocks = [undefined, { name: "/dev/ptp0", read: () => 5 }];
    const finder = new HostClockFinder({}, () => clocks.pop());
    assert.equal(finder.last?.name, "/dev/ptp0");
    assert.equal(finder.last?.name, "/dev/ptp0");
    assert.equal(finder.find(), undefined);
    assert.equal(finder.last, undefined);
  });
});
