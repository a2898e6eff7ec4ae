import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { release } from "node:os";
import { test } from "node:test";
import { prefaultHeap } from "../../src/memory/prefault_heap.ts";
import { runtimeName } from "../../src/runtime/mod.ts";
import { denoRun } from "../support/agent.ts";
import type { RoomFaults } from "./heap_faults.ts";

/** Since Linux 5.14 a program may ask for memory to be there. */
const [major, minor] = release().split(".").map(Number);
const populates = major > 5 || (major === 5 && minor >= 14);

/** Pages of an arm64 kernel: the machine of this test may have smaller ones. */
const LARGE = 16_384n;

test("room for a reply is there before it is needed", (context) => {
  if (!populates) return context.skip("needs Linux 5.14");
  const [program, ...words] = denoRun("tests/memory/heap_faults.ts");
  const ran = spawnSync(program, words, { encoding: "utf8" });
  assert.equal(ran.status, 0, ran.stderr);
  const { young, buffers }: RoomFaults = JSON.parse(ran.stdout);
  assert.ok(young.length > 0);
  for (const { grown, faults } of young) {
    // Memory that is not there would be 25 faults for 100 kB.
    assert.ok(!grown && faults < 8, JSON.stringify(young));
  }
  // 250 kB are 60 pages, less what happens to be there; half of them fit in.
  const { without, within } = buffers;
  assert.ok(within < without * 0.75, `${within} beside ${without}`);
});

// It is for V8's heap.
if (runtimeName() === "deno") {
  test("room for buffers is populated, and given back piece by piece", () => {
    const taken = new Map<bigint, bigint>();
    const populated: [from: bigint, to: bigint][] = [];
    prefaultHeap({
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
            from % LARGE === 0n && from <= piece! && piece! + bytes <= to
          ),
          `${piece} was not populated`,
        );
        assert.ok(taken.delete(piece!), "freed twice");
      },
    }, Number(LARGE));
    assert.equal(taken.size, 0);
  });
}
