import assert from "node:assert/strict";
import { closeSync, fstatSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { LogLevels } from "@std/log";
import { isJournal, withPriority } from "../../src/log/journal.ts";
import { temporary } from "../support/hooks.ts";

test("the journal is known by the device and the inode of its stream", () => {
  const directory = temporary();
  const path = join(directory.path, "stream");
  const fd = openSync(path, "w");
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    assert.equal(isJournal(`${dev}:${ino}`, fd), true);
    for (
      const other of [
        ...[undefined, "", "1", `${dev}:${ino + 1n}`, `${dev + 1n}:${ino}`],
        ...[`${dev}:${ino} `, `${dev}:${ino}:`],
      ]
    ) {
      assert.equal(isJournal(other, fd), false, `${other}`);
    }
    closeSync(fd);
    assert.equal(isJournal(`${dev}:${ino}`, fd), false);
  } finally {
    rmSync(path);
    directory.remove();
  }
});

test("each level has its priority of syslog, on every line of the text", () => {
  const levels = [
    [LogLevels.CRITICAL, "<2>"],
    [LogLevels.ERROR, "<3>"],
    [LogLevels.WARN, "<4>"],
    [LogLevels.INFO, "<6>"],
    [LogLevels.DEBUG, "<7>"],
  ] as const;
  for (const [level, prefix] of levels) {
    assert.equal(withPriority(level, "one"), `${prefix}one`);
    assert.equal(
      withPriority(level, "an error\n  at line 1"),
      `${prefix}an error\n${prefix}  at line 1`,
    );
  }
});
