import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EvidenceObserver } from "../../src/evidence/observer.ts";
import { isFromKernel, type KernelLog } from "../../src/linux/kmsg.ts";
import type { MachineClock } from "../../src/linux/machine_clock.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { encode, FORK } from "./kernel_words.ts";

const runtime = await loadRuntime();

/** A machine that a test forks and pauses. */
class FakeMachine {
  /** performance.now() of the guest, and how much later it is outside. */
  guestMs = 1000;
  pausedMs = 0;
  records: string[] = [];
  lost = false;
  observer: EvidenceObserver;

  constructor(options: { device?: boolean; rtc?: boolean; log?: Error } = {}) {
    const { device = true, rtc = true, log } = options;
    const machine = this as FakeMachine;
    const fakeLog: KernelLog = {
      skip: () => void machine.records.splice(0),
      find: (message) => ({
        found: machine.records.splice(0).some((record) =>
          isFromKernel(message, encode(record), record.length)
        ),
        lost: machine.lost,
      }),
      close() {},
    };
    const clock: MachineClock = {
      name: "rtc",
      certainMs: 1500,
      read: () =>
        rtc
          ? Math.floor((machine.guestMs + machine.pausedMs) / 1000) * 1000
          : undefined,
    };
    this.observer = new EvidenceObserver({
      runtime,
      libc: {},
      onError: (error) => assert.fail(error),
      openLog: () => {
        if (log !== undefined) throw log;
        return fakeLog;
      },
      clocks: [clock],
      hasGenerationId: () => device,
      readVmClock: () => undefined,
      now: () => machine.guestMs,
    });
  }

  say(message: string, facility = 0): void {
    this.records.push(`${facility << 3 | 5},1,2,-;${message}\n`);
  }
}

describe("evidence of a restore", () => {
  it("is the kernel's word", () => {
    const machine = new FakeMachine();
    machine.observer.mark();
    machine.guestMs += 500;
    machine.say(FORK);
    assert.deepEqual(machine.observer.check(), {
      conclusive: true,
      restored: true,
      paused: true,
      sources: [
        {
          name: "vmgenid",
          available: true,
          finding: "the kernel reseeded due to a virtual machine fork",
        },
        // no clock was asked: it could add nothing
      ],
    });
    assert.equal(machine.observer.forkSeenAt, 1500);
    // and stays, however often it is asked, until the next mark
    assert.equal(machine.observer.check().restored, true);
    machine.observer.mark();
    assert.equal(machine.observer.check().restored, false);
    assert.equal(machine.observer.forkSeenAt, undefined);
  });

  it("is conclusively none where the device would have said so", () => {
    const machine = new FakeMachine();
    machine.observer.mark();
    machine.say("random: something else");
    machine.guestMs += 10_000;
    const { conclusive, restored, paused } = machine.observer.check();
    assert.deepEqual(
      { conclusive, restored, paused },
      { conclusive: true, restored: false, paused: false },
    );
  });

  it("is not the word of user space, nor a part of another message", () => {
    const machine = new FakeMachine();
    machine.observer.mark();
    machine.say(FORK, 1);
    machine.say(`random: crng reseeded due to virtual machine fork of x`);
    machine.say(`x[1]: segfault: ${FORK}`);
    assert.equal(machine.observer.check().restored, false);
  });

  it("is a pause where the hardware clock went on", () => {
    const machine = new FakeMachine({ device: false });
    machine.observer.mark();
    machine.guestMs += 200;
    machine.pausedMs += 10_000;
    assert.deepEqual(machine.observer.check(), {
      conclusive: false,
      restored: false,
      paused: true,
      sources: [
        {
          name: "vmgenid",
          available: false,
          reason: "this machine has no VMGenID device with a driver",
        },
        {
          name: "vmclock",
          available: false,
          reason: "this machine has no VMClock device with a driver",
        },
        {
          name: "rtc",
          available: true,
          finding: "stood still for about 9.8 s",
        },
      ],
    });
  });

  it("is no pause that a clock of whole seconds cannot tell", () => {
    const machine = new FakeMachine();
    machine.guestMs = 1999;
    machine.observer.mark();
    machine.guestMs += 2; // the next second has begun
    machine.pausedMs += 400;
    assert.equal(machine.observer.check().paused, false);
  });

  it("says what it could not see", () => {
    const machine = new FakeMachine({
      rtc: false,
      log: new Error("EPERM: operation not permitted"),
    });
    machine.observer.mark();
    assert.deepEqual(machine.observer.check(), {
      conclusive: false,
      restored: false,
      paused: false,
      sources: [
        {
          name: "vmgenid",
          available: false,
          reason: "Cannot read the kernel log: EPERM: operation not permitted",
        },
        {
          name: "vmclock",
          available: false,
          reason: "this machine has no VMClock device with a driver",
        },
        {
          name: "rtc",
          available: false,
          reason: "this machine has no such clock",
        },
      ],
    });
    assert.throws(() => machine.observer.watch(() => {}), /EPERM/);
  });

  it("is not conclusive where a part of the log is lost", () => {
    const machine = new FakeMachine();
    machine.observer.mark();
    machine.lost = true;
    const { conclusive, sources } = machine.observer.check();
    assert.equal(conclusive, false);
    assert.equal(sources[0].reason, "records of the kernel log were lost");
  });

  it("needs a mark", () => {
    assert.throws(() => new FakeMachine().observer.check(), {
      message: "Cannot look for evidence: there is no mark to look from",
    });
  });
});
