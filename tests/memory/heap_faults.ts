/**
 * A program of its own, which says how many page faults it has where room was
 * made. In a test's process V8 has pages in stock that other tests have left.
 */
import { readFileSync } from "node:fs";
import { getHeapSpaceStatistics } from "node:v8";
import { requireSymbol } from "../../src/linux/libc.ts";
import { prefaultHeap } from "../../src/memory/prefault_heap.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { realLibc } from "../support/libc.ts";

/** What the program prints, as JSON. */
export interface RoomFaults {
  /** For 100 kB of young objects, round by round. */
  readonly young: readonly {
    readonly grown: boolean;
    readonly faults: number;
  }[];
  /** For 250 kB of buffers, in all rounds. */
  readonly buffers: { readonly without: number; readonly within: number };
}

const ROUNDS = 6;
const { collect } = await loadRuntime();
const libc = await realLibc();

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

/** Wherever in a page it is; what rounds leave behind would be room, too. */
async function youngFaults(round: number): Promise<RoomFaults["young"][0]> {
  await collect();
  allocate(33_000 * round);
  prefaultHeap(libc);
  const before = { bytes: youngBytes(), faults: minorFaults() };
  allocate(100_000);
  const after = { bytes: youngBytes(), faults: minorFaults() };
  return {
    grown: after.bytes !== before.bytes,
    faults: after.faults - before.faults,
  };
}

async function bufferFaults(room: boolean): Promise<number> {
  const malloc = requireSymbol(libc, "malloc");
  const free = requireSymbol(libc, "free");
  await collect();
  if (room) prefaultHeap(libc);
  const before = minorFaults();
  const pieces = Array.from({ length: 250 }, () => malloc(1000n));
  const after = minorFaults();
  pieces.forEach((piece) => free(piece));
  return after - before;
}

const young: RoomFaults["young"][0][] = [];
let without = 0;
let within = 0;
for (let round = 0; round < ROUNDS; round++) {
  young.push(await youngFaults(round));
  without += await bufferFaults(false);
  within += await bufferFaults(true);
}
console.log(JSON.stringify({ young, buffers: { without, within } }));
