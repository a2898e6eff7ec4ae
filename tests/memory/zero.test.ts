import assert from "node:assert/strict";
import process from "node:process";
import { describe, test } from "node:test";
import { readMask } from "../../src/linux/cpu_mask.ts";
import type { Libc } from "../../src/linux/libc.ts";
import { bytesEverFreed } from "../../src/memory/info.ts";
import { MemoryZeroer } from "../../src/memory/zero.ts";
import { realLibc } from "../support/libc.ts";
import { memoryOf } from "../support/proc.ts";

const MIB = 2 ** 20;

/** The real calls, counted. */
async function counted(): Promise<{ libc: Libc; mapped: () => number }> {
  const libc = await realLibc();
  let mapped = 0;
  return {
    mapped: () => mapped,
    libc: {
      ...libc,
      mmap: (...args) => {
        mapped++;
        return libc.mmap!(...args);
      },
      munmap: (...args) => {
        mapped--;
        return libc.munmap!(...args);
      },
    },
  };
}

describe("zeroing free memory", () => {
  test("takes what it may, and gives all of it back", async () => {
    const { libc, mapped } = await counted();
    const before = memoryOf(process.pid, "Rss");
    const zeroed = await new MemoryZeroer(libc).zero(16 * MIB, 10_000);
    assert.equal(zeroed.whole, true);
    assert.equal(zeroed.bytes, Math.min(16 * MIB, zeroed.wanted));
    assert.equal(mapped(), 0);
    assert.ok(memoryOf(process.pid, "Rss") < before + 12 * MIB);
  });

  test("takes nothing without a limit to use up, or time", async () => {
    const { libc, mapped } = await counted();
    const zeroer = new MemoryZeroer(libc);
    assert.equal((await zeroer.zero(0, 10_000)).bytes, 0);
    assert.equal((await zeroer.zero(16 * MIB, -1)).bytes, 0);
    assert.equal(mapped(), 0);
  });

  test("the second time takes no more than was freed since", async () => {
    const zeroer = new MemoryZeroer((await counted()).libc);
    const all = 2 ** 50;
    const first = await zeroer.zero(all, 50);
    const freed = bytesEverFreed();
    const second = await zeroer.zero(4 * MIB, 10_000);
    // What the first left over, and what this machine has freed meanwhile.
    const most = first.wanted - first.bytes + bytesEverFreed() - freed;
    assert.ok(
      second.wanted <= most + 512 * MIB,
      `${second.wanted} wanted, ${most} freed`,
    );
  });

  test("takes what each CPU has kept for itself", async (context) => {
    const { libc } = await counted();
    const home = readMask(libc, process.pid)!;
    if (home.reduce((sum, bits) => sum + (bits & bits - 1), 0) === 0) {
      return context.skip("needs two CPUs");
    }
    const masks: string[] = [];
    const watching: Libc = {
      ...libc,
      madvise(address, bytes, advice) {
        if (advice === 23) masks.push(readMask(libc, process.pid)!.toString());
        return libc.madvise!(address, bytes, advice);
      },
    };
    await new MemoryZeroer(watching).zero(8 * MIB, 10_000);
    assert.equal(masks.length, 2);
    assert.notEqual(masks[0], masks[1]);
    assert.deepEqual(readMask(libc, process.pid), home);
  });

  test("ends at the signal, with nothing kept", async () => {
    const { libc, mapped } = await counted();
    const abort = new AbortController();
    const stopping: Libc = {
      ...libc,
      mmap: (...args) => {
        abort.abort();
        return libc.mmap!(...args);
      },
    };
    const zeroed = await new MemoryZeroer(stopping)
      .zero(64 * MIB, 10_000, abort.signal);
    assert.equal(zeroed.whole, false);
    assert.equal(zeroed.bytes, 4 * MIB);
    assert.equal(mapped(), 0);
  });

  test("gives back what it has where the kernel refuses more", async () => {
    const { libc, mapped } = await counted();
    let calls = 0;
    const refusing: Libc = {
      ...libc,
      madvise: (address, bytes, advice) =>
        advice === 23 && ++calls === 3
          ? -1
          : libc.madvise!(address, bytes, advice),
    };
    await assert.rejects(
      new MemoryZeroer(refusing).zero(64 * MIB, 10_000),
      /Cannot advise 23/,
    );
    assert.equal(mapped(), 0);
  });
});
