import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { until } from "../support/until.ts";
import {
  health,
  LIMIT,
  prepare,
  recover,
  status,
  stepOf,
} from "./support/agent.ts";
import { Fleet, KEEP_MEMORY, say } from "./support/fleet.ts";
import { addHook } from "./support/hooks.ts";
import type { Machine } from "./support/machine.ts";
import { ownDir } from "./support/qemu.ts";
import { run, runText } from "./support/run.ts";

const COPIES = 20;

/** Rows that one transaction changes in two tables: a torn one would differ. */
const TABLES = `PRAGMA journal_mode = WAL;
CREATE TABLE a (n INTEGER); INSERT INTO a VALUES (0);
CREATE TABLE b (n INTEGER); INSERT INTO b VALUES (0);
CREATE TABLE c (k INTEGER PRIMARY KEY, v BLOB);`;
const WRITE = "BEGIN; UPDATE a SET n = n + 1; " +
  "REPLACE INTO c VALUES (abs(random()) % 500, randomblob(2000)); " +
  "UPDATE b SET n = n + 1; COMMIT;";

/** What a checkpoint by a hook does, in a database that is busy. */
const CHECKPOINT = `[ "$1" = thaw ] || exec sqlite3 /data/db \\
  'PRAGMA busy_timeout = 2000' 'PRAGMA wal_checkpoint(TRUNCATE)'`;

/** Whether the journal of a filesystem still holds what the disk lacks. */
function needsRecovery(disk: string): boolean {
  return /needs_recovery/.test(runText("dumpe2fs", ["-h", disk]));
}

/** Takes a file out of an ext4 filesystem. */
function takeOut(disk: string, path: string, to: string): void {
  run("debugfs", ["-R", `dump ${path} ${to}`, disk]);
}

/** The transactions in a disk's database, which must be whole. */
function transactionsIn(disk: string): number {
  assert.equal(needsRecovery(disk), false);
  run("e2fsck", ["-fn", disk]);
  const file = `${disk}.db`;
  takeOut(disk, "/db", file);
  takeOut(disk, "/db-wal", `${file}-wal`);
  assert.ok(existsSync(file));
  const [verdict, count, same] = runText("sqlite3", [
    file,
    "PRAGMA integrity_check; SELECT n FROM a; SELECT n FROM b;",
  ]).split("\n");
  assert.equal(verdict, "ok");
  assert.equal(count, same);
  return Number(count);
}

async function startWriter(machine: Machine): Promise<void> {
  await machine.sh(`sqlite3 /data/db '${TABLES}'`);
  await machine.sh(
    `yes '${WRITE}' | sqlite3 -cmd 'PRAGMA busy_timeout = 60000' ` +
      "-cmd 'PRAGMA synchronous = FULL' /data/db >/dev/null 2>/run/writer &",
  );
  await until("the writer", async () => await written(machine) > 10, LIMIT);
}

/** How many transactions the guest itself sees. */
async function written(machine: Machine): Promise<number> {
  return Number(
    await machine.sh(
      "sqlite3 -cmd '.timeout 60000' /data/db 'SELECT n FROM a'",
    ),
  );
}

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
