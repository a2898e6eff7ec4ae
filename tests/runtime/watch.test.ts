import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { temporary } from "../support/hooks.ts";

const directory = temporary();
after(directory.remove);

test("a watch waits until there is something to read, each time", async () => {
  const { openWatch } = await loadRuntime();
  const pipe = join(directory.path, "pipe");
  assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
  const writer = openSync(pipe, "r+");
  try {
    const watch = openWatch(pipe);
    for (const word of ["one\n", "two\n"]) {
      let read = false;
      const next = watch.next().then(() => read = true);
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(read, false, "nothing was written yet");
      writeSync(writer, word);
      await next;
    }
  } finally {
    closeSync(writer);
  }
});

test("a file that cannot be opened is an error of node:fs", async () => {
  const { openWatch } = await loadRuntime();
  const missing = join(directory.path, "missing");
  assert.throws(() => openWatch(missing), { code: "ENOENT" });
});
