/**
 * The agent's pages as ranges of the machine's memory.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { describe, test } from "node:test";
import { loadLibc } from "../../src/linux/libc.ts";
import { pageBytes } from "../../src/linux/page_size.ts";
import { residentMappings } from "../../src/linux/smaps.ts";
import { publishedSet, rangesOf } from "../../src/memory/published_set.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { framesIn, PageTable } from "../bench/pagemap.ts";

const skip = process.getuid?.() === 0 ? false : "only root sees page frames";
const PAGE_BYTES = pageBytes();
const libc = loadLibc(await loadRuntime());

test("frames that follow each other are one range, whatever their order", () => {
  const k = PAGE_BYTES;
  assert.deepEqual(rangesOf([7, 3, 4, 9, 5, 4]), [
    [3 * k, 3 * k],
    [7 * k, k],
    [9 * k, k],
  ]);
  const far = 2 ** 40;
  assert.deepEqual(rangesOf([far + 1, far]), [[far * k, 2 * k]]);
  assert.deepEqual(rangesOf([]), []);
});

describe(
  `the pages of this process${skip ? `: ${skip}` : ""}`,
  { skip },
  () => {
    test("are ranges in order, and a page of the heap is in one", () => {
      const size = 8 * PAGE_BYTES;
      const address = libc.malloc!(BigInt(size)) as bigint;
      // MADV_POPULATE_WRITE, madvise(2)
      const first = address + BigInt(PAGE_BYTES) - address % BigInt(PAGE_BYTES);
      assert.equal(libc.madvise!(first, BigInt(4 * PAGE_BYTES), 23), 0);
      using table = new PageTable("/proc/self/pagemap");
      const frames = framesIn(table.read(Number(first) / PAGE_BYTES, 4));
      assert.ok(frames.every((frame) => frame > 0));
      const set = publishedSet(() => undefined)!;
      libc.free!(address);
      assert.equal(set.pageSize, PAGE_BYTES);
      let end = -1;
      for (const [from, bytes] of set.ranges) {
        assert.ok(from > end, "in order, and joined");
        assert.ok(bytes > 0);
        assert.equal(from % PAGE_BYTES + bytes % PAGE_BYTES, 0);
        end = from + bytes;
      }
      for (const frame of frames) {
        const at = frame * PAGE_BYTES;
        const inside = set.ranges.some(([from, bytes]) =>
          at >= from && at < from + bytes
        );
        assert.ok(inside, `frame ${frame}`);
      }
    });

    test("of a file are those alone that a recovery needs", () => {
      const bytes = (needed: Parameters<typeof publishedSet>[0]) =>
        publishedSet(needed)!.ranges.reduce((sum, [, bytes]) => sum + bytes, 0);
      const sizes = new Map(
        residentMappings().map(({ from, to }) => [from, to - from]),
      );
      const none = (address: bigint) =>
        new Uint8Array(Math.ceil(sizes.get(Number(address))! / PAGE_BYTES));
      const whole = bytes(() => undefined);
      const heap = bytes(none);
      // The program of either runtime has more than that in memory.
      assert.ok(whole - heap > 2 ** 22, `${whole} and ${heap} bytes`);
      assert.ok(heap > 2 ** 20, `${heap} bytes`);
    });
  },
);
