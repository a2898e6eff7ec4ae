/**
 * A database on the guest's disk /data that is written all the time, and the check of a copy of the
 * disk.
 * @module
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { until } from "../../support/until.ts";
import { LIMIT } from "./agent.ts";
import type { Guest } from "./guest_access.ts";
import { run, runText } from "./run.ts";

/** Rows that one transaction changes in two tables: a torn one would differ. */
const TABLES = `PRAGMA journal_mode = WAL;
CREATE TABLE a (n INTEGER); INSERT INTO a VALUES (0);
CREATE TABLE b (n INTEGER); INSERT INTO b VALUES (0);
CREATE TABLE c (k INTEGER PRIMARY KEY, v BLOB);`;
const WRITE = "BEGIN; UPDATE a SET n = n + 1; " +
  "REPLACE INTO c VALUES (abs(random()) % 500, randomblob(2000)); " +
  "UPDATE b SET n = n + 1; COMMIT;";

/** Whether the journal of a filesystem still holds what the disk lacks. */
export function needsRecovery(disk: string): boolean {
  return /needs_recovery/.test(runText("dumpe2fs", ["-h", disk]));
}

/** Takes a file out of an ext4 filesystem. */
function takeOut(disk: string, path: string, to: string): void {
  run("debugfs", ["-R", `dump ${path} ${to}`, disk]);
}

/** The transactions in a disk's database, which must be whole. */
export function transactionsIn(disk: string): number {
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

/** Starts a writer that does not end, and waits for its first transactions. */
export async function startWriter(machine: Pick<Guest, "sh">): Promise<void> {
  await machine.sh(`sqlite3 /data/db '${TABLES}'`);
  await machine.sh(
    `yes '${WRITE}' | sqlite3 -cmd 'PRAGMA busy_timeout = 60000' ` +
      "-cmd 'PRAGMA synchronous = FULL' /data/db >/dev/null 2>/run/writer &",
  );
  await until("the writer", async () => await written(machine) > 10, LIMIT);
}

/** How many transactions the guest itself sees. */
export async function written(machine: Pick<Guest, "sh">): Promise<number> {
  return Number(
    await machine.sh(
      "sqlite3 -cmd '.timeout 60000' /data/db 'SELECT n FROM a'",
    ),
  );
}
