import assert from "node:assert/strict";
import { describe } from "node:test";
import { until } from "../support/until.ts";
import { configure, health, LIMIT, prepareSettled } from "./support/agent.ts";
import { Fleet } from "./support/fleet.ts";
import type { Machine } from "./support/machine.ts";

const LOG = "/tmp/v8.log";
const FLAGS = ["--log-ic", `--logfile=${LOG}`, "--no-logfile-per-isolate"];

/** Starts the agent anew, with V8 telling of each look at an object it did not know. */
async function tellOfMisses(machine: Machine): Promise<void> {
  const flags = FLAGS.join(",").replaceAll("/", "\\/");
  await machine.sh(`sed -i 's/^v8=.*/&,${flags}/' /usr/local/bin/lull`);
  // Who scans ports looks at much that is made anew each time.
  await configure(machine, { forwardPorts: false });
}

async function count(machine: Machine, pattern: string): Promise<number> {
  return Number(await machine.sh(`grep -c '${pattern}' ${LOG} || true`));
}

describe("what V8 knows of objects, in a guest that has never recovered", () => {
  const fleet = new Fleet("deno");

  fleet.test("is enough for a fork's first reply", async () => {
    const machine = await fleet.copy();
    await tellOfMisses(machine);
    await health(machine);
    // The collection in a quiet moment, after the rehearsals: functions move.
    const moved = await count(machine, "^sfi-move");
    await until(
      "the idle collection",
      async () => await count(machine, "^sfi-move") > moved,
      LIMIT,
    );
    await prepareSettled(machine);
    const snapshot = await fleet.snapshot(machine, "prepared");
    await machine.cont();
    const before = await count(machine, "");
    await fleet.kill(machine);

    const fork = await fleet.restore(snapshot);
    await fork.cont();
    await health(fork);
    const rows = await fork.sh(`tail -n +${before + 1} ${LOG}`);
    // Of the states before and after, 1 is: has seen objects of one kind. What was
    // 0, and has seen none, is in what comes after the reply, and never came before.
    const misses = rows.split("\n").filter((row) =>
      /^(Keyed)?(Load|Store)IC,/.test(row) && row.includes(",1,1,0x")
    );
    assert.deepEqual(misses, []);
  });
});
