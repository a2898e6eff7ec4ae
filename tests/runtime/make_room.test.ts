import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { release } from "node:os";
import { test } from "node:test";
import { getHeapSpaceStatistics } from "node:v8";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { realLibc } from "../support/libc.ts";

/** Since Linux 5.14 a program may ask for memory to be there. */
const [major, minor] = release().split(".").map(Number);
const populates = major > 5 || (major === 5 && minor >= 14);

/** Page faults of this thread without a read from the disk (proc_pid_stat(5)). */
function minorFaults(): number {
  const stat = readFileSync("/proc/thread-self/stat", "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[7]);
}

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
  const libc = await realLibc();
  if (makeRoom === undefined) {
    assert.equal(name, "bun", "V8 alone takes memory page by page");
    return;
  }
  // Wherever in a page it is; what rounds leave behind would be room, too.
  for (let round = 0; round < 6; round++) {
    await collect();
    allocate(33_000 * round);
    makeRoom(libc);
    const before = { young: youngBytes(), faults: minorFaults() };
    allocate(100_000);
    const after = { young: youngBytes(), faults: minorFaults() };
    assert.equal(after.young, before.young, `round ${round}`);
    if (!populates) continue;
    // Memory is there: 100 kB would be 25 faults.
    const faults = after.faults - before.faults;
    assert.ok(faults < 8, `round ${round}: ${faults} faults`);
  }
});
