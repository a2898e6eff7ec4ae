import assert from "node:assert/strict";
import { join } from "node:path";
import { describe } from "node:test";
import { health, prepare, recover, status, stepOf } from "./support/agent.ts";
import {
  needsRecovery,
  startWriter,
  transactionsIn,
  written,
} from "./support/database.ts";
import { Fleet, KEEP_MEMORY, say } from "./support/fleet.ts";
import { addHook } from "./support/hooks.ts";
import { ownDir } from "./support/qemu.ts";

const COPIES = 20;

/** What a checkpoint by a hook does, in a database that is busy. */
const CHECKPOINT = `[ "$1" = thaw ] || exec sqlite3 /data/db \\
  'PRAGMA busy_timeout = 2000' 'PRAGMA wal_checkpoint(TRUNCATE)'`;

describe("a disk that is used without the memory", () => {
  const fleet = new Fleet("bun", {
    flags: [
      "--freeze-mounts=/data",
      // A checkpoint by an emulated processor, beside a writer, takes its time.
      ...["--hook-limit-ms=20000", "--hooks-limit-ms=30000"],
      "--no-forward-ports",
      ...KEEP_MEMORY,
    ],
  });

  fleet.test(`${COPIES} of ${COPIES} copies are whole while a database is written all the time`, async () => {
    const machine = await fleet.copy();
    await addHook(machine, "10-sqlite", CHECKPOINT);
    await startWriter(machine);
    const dir = ownDir("copies");

    // Without a prepare the journal is needed: the check below can fail.
    const torn = join(dir, "torn");
    machine.copyDisk(torn);
    assert.ok(needsRecovery(torn));

    const counts: number[] = [];
    for (let round = 0; round < COPIES; round++) {
      await prepare(machine);
      const copy = join(dir, `${round}`);
      machine.copyDisk(copy);
      const { steps } = await recover(machine, { outcome: "resumed" });
      const { effect } = stepOf(steps, "freeze-mounts");
      assert.deepEqual(effect?.thawed, ["/data"]);
      // Else the copy would be one of a disk that had thawed by itself.
      assert.equal(effect.expired, false);
      counts.push(transactionsIn(copy));
      const { operation } = await status(machine);
      const hooks = stepOf(operation?.steps, "hooks").effect?.hooks;
      assert.match(JSON.stringify(hooks), /"10-sqlite".*"done"/);
    }
    say(`transactions in the copies: ${counts.join(" ")}`);
    for (let round = 1; round < COPIES; round++) {
      assert.ok(counts[round] > counts[round - 1], counts.join(" "));
    }
    assert.ok(await written(machine) >= counts[COPIES - 1]);
    assert.equal(await machine.sh("cat /run/writer"), "");
    assert.equal((await health(machine)).state, "running");
    await fleet.kill(machine);
  });
});
