import assert from "node:assert/strict";
import { describe } from "node:test";
import { assertRecovered } from "./support/checks.ts";
import { health, prepareSettled, stepOf } from "./support/agent.ts";
import { Fleet, say } from "./support/fleet.ts";
import type { Machine } from "./support/machine.ts";

const MIB = 2 ** 20;
const TIMES = 2;

/** What a guest has freed, none of it zeros. */
const HISTORY = `head -c 1048576 /dev/urandom >/tmp/seed
for i in $(seq 200); do cat /tmp/seed; done >/tmp/file
rm /tmp/file /tmp/seed`;

/** Pages that the kernel has taken from a process because memory was short. */
async function reclaimed(machine: Machine): Promise<number> {
  const text = await machine.sh(
    "awk '/^pgsteal_(kswapd|direct|khugepaged) /{n += $2} END{print n}' /proc/vmstat",
  );
  return Number(text);
}

/** The bytes of a snapshot, which is not kept. */
async function snapshotBytes(fleet: Fleet, machine: Machine, what: string) {
  const { bytes } = await fleet.snapshot(machine, what);
  await machine.cont();
  return bytes;
}

describe("a machine whose freed memory is made zeros", () => {
  const fleet = new Fleet("bun", { flags: ["--zero-memory-mib=512"] });

  fleet.test("the snapshot loses the stale bytes, and no program loses a page", async () => {
    for (let time = 0; time < TIMES; time++) {
      const machine = await fleet.copy();
      const { generation } = await health(machine);
      await machine.sh(HISTORY);
      const stale = await snapshotBytes(fleet, machine, "stale");
      const before = await reclaimed(machine);
      const { steps } = await prepareSettled(machine);
      const taken = await reclaimed(machine) - before;
      const prepared = await snapshotBytes(fleet, machine, "zeroed");
      const { zeroed } = stepOf(steps, "zero").effect as {
        zeroed: { bytes: number };
      };
      say(`zeroed ${Math.round(zeroed.bytes / MIB)} MiB`);
      assert.equal(taken, 0);
      // The history's 200 MiB, but for what was free or a list's all the time.
      assert.ok(stale - prepared > 120 * MIB, `${stale} to ${prepared} bytes`);
      await health(machine);
      await assertRecovered(machine, generation + 1);
      await fleet.kill(machine);
    }
  });
});
