import assert from "node:assert/strict";
import { test } from "node:test";
import { mappingsIn } from "../../src/linux/smaps.ts";
import { collapseOwn, isHeap } from "../../src/memory/collapse.ts";
import { realLibc } from "../support/libc.ts";

const SMAPS = `\
10000000-10800000 rw-p 00000000 00:00 0                                  [heap]
Rss:                4096 kB
AnonHugePages:      2048 kB
20000000-20800000 rw-p 00000000 00:00 0
Rss:                   0 kB
AnonHugePages:         0 kB
30000000-30800000 r--p 00000000 00:00 0
Rss:                8192 kB
40000000-40800000 rw-p 00000000 fe:01 7                                  /lib/a.so
Rss:                8192 kB
50000000-50800000 rw-p 00000000 00:00 0                                  [stack]
Rss:                8192 kB
`;

test("only anonymous memory that the process may write, and that is there", () => {
  const heap = mappingsIn(SMAPS).filter(isHeap);
  assert.deepEqual(heap.map(({ from }) => from), [0x10000000]);
});

test("the counts add up, and a second call finds what the first has made", async () => {
  const libc = await realLibc();
  // Two whole chunks at least, in memory.
  const block = new Uint8Array(8 * 2 ** 20).fill(1);
  const first = collapseOwn(libc);
  const second = collapseOwn(libc);
  for (const { chunks, collapsed, alreadyHuge, skipped } of [first, second]) {
    assert.ok(chunks > 0);
    assert.equal(chunks, collapsed + alreadyHuge + skipped);
  }
  assert.equal(block[block.length - 1], 1);
});

test("without a C library nothing is collapsed", () => {
  const { collapsed } = collapseOwn({} as Parameters<typeof collapseOwn>[0]);
  assert.equal(collapsed, 0);
});
