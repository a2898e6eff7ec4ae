import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { pinThreads } from "../../src/linux/affinity.ts";
import { CpuRotation } from "../../src/memory/cpu_rotation.ts";
import { type Libc, requireSymbol } from "../../src/linux/libc.ts";
import { fakeLibc } from "../support/fake_masks.ts";

function oneCpu(): Uint8Array {
  const mask = new Uint8Array(1024);
  mask[1] = 1;
  return mask;
}

describe("CpuRotation", () => {
  it("goes from CPU to CPU with the main thread alone, and home again", () => {
    const { libc, masks, former } = fakeLibc(() => false);
    const rotation = new CpuRotation(libc);
    const seen = new Set<number>();
    for (let i = 0; i < 2; i++) {
      rotation.next();
      assert.deepEqual([...masks.keys()], [process.pid]);
      seen.add(masks.get(process.pid)![2]);
    }
    assert.deepEqual(seen, new Set([0b0010_0000, 0b1000_0000]));
    rotation.next();
    rotation.end();
    assert.deepEqual(masks.get(process.pid), former);
  });

  it("stays where there is one CPU only, or no libc to go with", () => {
    const { libc, masks } = fakeLibc(() => false);
    requireSymbol(libc, "sched_setaffinity")(
      process.pid,
      1024n,
      oneCpu(),
    );
    const moves: Libc = {
      ...libc,
      sched_setaffinity: () => assert.fail("it moved"),
    };
    for (const still of [moves, {}]) {
      const rotation = new CpuRotation(still);
      rotation.next();
      rotation.end();
    }
    assert.deepEqual(masks.get(process.pid), oneCpu());
  });

  it("does not pin while another moves a thread, nor the other way round", () => {
    const { libc, masks, former } = fakeLibc(() => false);
    const rotation = new CpuRotation(libc);
    rotation.next();
    assert.throws(() => pinThreads(libc), {
      message: "Cannot change the CPUs of threads: zeroing memory changes them",
    });
    rotation.end();
    const pinned = pinThreads(libc);
    const still = new CpuRotation(libc);
    still.next();
    still.end();
    assert.equal(masks.get(process.pid)![2], 0b1000_0000, "it stays pinned");
    pinned.restore();
    assert.deepEqual(masks.get(process.pid), former);
  });
});
