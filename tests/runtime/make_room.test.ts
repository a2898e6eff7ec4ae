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

test("V8 alone takes memory page by page", async () => {
  const { name, makeRoom } = await loadRuntime();
  assert.equal(makeRoom === undefined, name === "bun");
});

test("room for a reply is there before it is needed", async () => {
  const { collect, makeRoom } = await loadRuntime();
  const libc = await realLibc();
  if (makeRoom === undefined) return;
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

test("so is room for its buffers, which a collection gives back", async () => {
  const { collect, makeRoom } = await loadRuntime();
  const libc = await realLibc();
  const { malloc, free } = libc;
  if (makeRoom === undefined || !populates) return;
  assert.ok(malloc && free);
  async function faultsOf(room: boolean): Promise<number> {
    await collect();
    if (room) makeRoom!(libc);
    const before = minorFaults();
    const pieces = Array.from({ length: 250 }, () => malloc!(1000n));
    const after = minorFaults();
    pieces.forEach((piece) => free!(piece));
    return after - before;
  }
  let without = 0;
  let within = 0;
  for (let round = 0; round < 6; round++) {
    without += await faultsOf(false);
    within += await faultsOf(true);
  }
  // 250 kB are 60 pages, less what happens to be there; half of them fit in.
  assert.ok(within < without * 0.75, `${within} beside ${without}`);
});

test("room for buffers is populated, and given back piece by piece", async () => {
  const { makeRoom } = await loadRuntime();
  if (makeRoom === undefined) return;
  const taken = new Map<bigint, bigint>();
  const populated: [from: bigint, to: bigint][] = [];
  makeRoom({
    malloc(bytes) {
      const piece = BigInt(1 + taken.size) * 100_000n + 16n;
      taken.set(piece, bytes);
      return piece;
    },
    madvise(from, bytes) {
      populated.push([from!, from! + bytes]);
      return 0;
    },
    free(piece) {
      const bytes = taken.get(piece!)!;
      assert.ok(
        populated.some(([from, to]) =>
          from % 4096n === 0n && from <= piece! && piece! + bytes <= to
        ),
        `${piece} was not populated`,
      );
      assert.ok(taken.delete(piece!), "freed twice");
    },
  });
  assert.equal(taken.size, 0);
});
