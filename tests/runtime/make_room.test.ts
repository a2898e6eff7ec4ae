import assert from "node:assert/strict";
import { test } from "node:test";
import { getHeapSpaceStatistics } from "node:v8";
import { loadRuntime } from "../../src/runtime/mod.ts";

/** Bytes in memory for young objects. */
function youngBytes(): number {
  const young = getHeapSpaceStatistics().find(({ space_name }) =>
    space_name === "new_space"
  );
  return young!.space_size;
}

/** So many bytes of young objects, and as many objects as a reply has at least. */
function allocate(bytes: number): void {
  for (let left = bytes; left > 0; left -= 80 * 8) new Array(78).fill(0);
}

test("room for a reply is there before it is needed", async () => {
  const { name, collect, makeRoom } = await loadRuntime();
  if (makeRoom === undefined) {
    assert.equal(name, "bun", "V8 alone takes memory page by page");
    return;
  }
  await collect();
  // Wherever in a page it is; not so often that V8 collects by itself.
  for (let round = 0; round < 6; round++) {
    allocate(33_000 * round);
    makeRoom();
    const before = youngBytes();
    allocate(100_000);
    assert.equal(youngBytes(), before, `round ${round}`);
  }
});
