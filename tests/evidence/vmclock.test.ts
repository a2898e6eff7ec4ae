import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { lookForEvidence } from "../../src/evidence/check.ts";
import { EvidenceObserver } from "../../src/evidence/observer.ts";
import type { MachineClock } from "../../src/linux/machine_clock.ts";
import type { VmClock } from "../../src/linux/vmclock.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";

const runtime = await loadRuntime();

/** A machine with a VMClock device, which a test restores. */
class FakeMachine {
  vmClock: VmClock | undefined | Error = { disruption: 1n, generation: 1n };
  vmClockReads = 0;
  clockReads = 0;
  message = false;
  readonly observer: EvidenceObserver;

  constructor(generationId = false) {
    const clock: MachineClock = {
      name: "rtc",
      certainMs: 1500,
      read: () => {
        this.clockReads++;
        return 0;
      },
    };
    this.observer = new EvidenceObserver({
      ...{ runtime, libc: {}, clocks: [clock] },
      onError: (error) => assert.fail(error),
      openLog: () => ({
        skip() {},
        find: () => ({ found: this.message, lost: false }),
        close() {},
      }),
      hasGenerationId: () => generationId,
      readVmClock: () => {
        this.vmClockReads++;
        if (this.vmClock instanceof Error) throw this.vmClock;
        return this.vmClock;
      },
      now: () => 0,
    });
    this.observer.mark();
  }

  source() {
    return this.observer.check().sources.find(({ name }) => name === "vmclock");
  }
}

describe("evidence of a VMClock device", () => {
  it("is conclusive of a fork if the generation counter changed", () => {
    const machine = new FakeMachine();
    machine.clockReads = 0;
    machine.vmClock = { disruption: 2n, generation: 9n };
    assert.deepEqual(machine.observer.check(), {
      conclusive: true,
      restored: true,
      paused: true,
      sources: [
        {
          name: "vmgenid",
          available: false,
          reason: "this machine has no VMGenID device with a driver",
        },
        {
          name: "vmclock",
          available: true,
          finding: "the generation counter changed",
        },
      ],
    });
    assert.equal(machine.clockReads, 0); // it could add nothing
    assert.equal(machine.observer.forkSeenAt, 0);
    // Only the driver of VMGenID makes the kernel reseed.
    assert.equal(machine.observer.kernelReseeded, false);
    machine.message = true;
    machine.observer.check();
    assert.equal(machine.observer.kernelReseeded, true);
    machine.message = false;
    machine.observer.mark();
    assert.equal(machine.observer.check().restored, false);
    assert.equal(machine.observer.forkSeenAt, undefined);
    assert.equal(machine.observer.kernelReseeded, false);
  });

  it("is conclusive of no fork if the generation counter is the same", () => {
    const machine = new FakeMachine();
    const { conclusive, restored, paused } = machine.observer.check();
    assert.deepEqual(
      { conclusive, restored, paused },
      { conclusive: true, restored: false, paused: false },
    );
    assert.deepEqual(machine.source(), { name: "vmclock", available: true });
  });

  it("is a live migration if only the disruption marker changed", () => {
    const machine = new FakeMachine();
    machine.vmClock = { disruption: 2n, generation: 1n };
    const { conclusive, restored, paused } = machine.observer.check();
    assert.deepEqual(
      { conclusive, restored, paused },
      { conclusive: true, restored: false, paused: true },
    );
  });

  it("is of a pause, and not conclusive, if the device counts no generations", () => {
    const machine = new FakeMachine();
    machine.vmClock = { disruption: 1n, generation: undefined };
    machine.observer.mark();
    assert.equal(machine.observer.check().conclusive, false);
    machine.vmClock = { disruption: 2n, generation: undefined };
    const { conclusive, restored, paused } = machine.observer.check();
    assert.deepEqual(
      { conclusive, restored, paused },
      { conclusive: false, restored: false, paused: true },
    );
    assert.deepEqual(machine.source(), {
      name: "vmclock",
      available: true,
      reason: "the device has no generation counter",
      finding: "the disruption marker changed: a restore or a live migration",
    });
  });

  it("says why there is none, and does not read it again", () => {
    const machine = new FakeMachine();
    const why = "Cannot read /dev/vmclock0: its version is 2";
    for (
      const [found, reason] of [
        [undefined, "this machine has no VMClock device with a driver"],
        [new Error(why), why],
      ] as const
    ) {
      machine.vmClock = found;
      machine.observer.mark();
      machine.vmClockReads = 0;
      assert.deepEqual(machine.source(), {
        name: "vmclock",
        available: false,
        reason,
      });
      assert.equal(machine.vmClockReads, 0);
    }
  });

  it("that fails later is not conclusive", () => {
    const machine = new FakeMachine();
    machine.vmClock = new Error("ETIMEDOUT");
    assert.equal(machine.observer.check().conclusive, false);
    assert.equal(machine.source()?.reason, "ETIMEDOUT");
  });

  it("needs no second look, unless the VM-fork message may still come", async () => {
    for (const [generationId, looks] of [[false, 1], [true, 2]] as const) {
      const machine = new FakeMachine(generationId);
      machine.vmClock = { disruption: 2n, generation: 1n };
      machine.vmClockReads = 0;
      await lookForEvidence(machine.observer);
      assert.equal(machine.vmClockReads, looks);
    }
  });
});
