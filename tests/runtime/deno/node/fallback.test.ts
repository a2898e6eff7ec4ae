/**
 * The modules in a process of their own: without FFI, and in place of node:process.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporary } from "../../../support/hooks.ts";
import { notDeno } from "./parity.ts";

const skip = notDeno;

/** Runs a script on Deno; returns the JSON that it prints. */
function run(script: string, flags: string[], args: string[] = []): unknown {
  const path = fileURLToPath(
    new URL(`../../../support/${script}`, import.meta.url).href,
  );
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["run", "-A", "--no-check", ...flags, path, ...args],
    { encoding: "utf8", timeout: 60_000 },
  );
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

test("without FFI, files are used by node:fs", { skip }, () => {
  const directory = temporary();
  try {
    const found = run("files_by_node.ts", ["--deny-ffi"], [directory.path]);
    const exists = [true, false, true];
    const code = "ENOENT";
    assert.deepEqual(found, {
      ...{ hasLibc: false, size: 3, count: 2, exists, code },
    });
    const again = run("files_by_node.ts", [], [directory.path]);
    assert.deepEqual(again, { ...found as object, hasLibc: true });
  } finally {
    directory.remove();
  }
});

test("errors that nothing catches do not end the process", { skip }, () => {
  const directory = temporary();
  try {
    const own = new URL(
      "../../../../src/runtime/deno/node/process.ts",
      import.meta.url,
    ).href;
    const map = join(directory.path, "map.json");
    writeFileSync(map, JSON.stringify({ imports: { "node:process": own } }));
    const logged = run("surviving.ts", ["--import-map", map]);
    assert.deepEqual(
      logged,
      ["event", "microtask", "promise", "timer"].map((one) => `Error: ${one}`),
    );
  } finally {
    directory.remove();
  }
});
