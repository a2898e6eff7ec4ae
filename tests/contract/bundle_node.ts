/**
 * What the bundle loads of Node's modules on Deno.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { denoRun, TestAgent } from "../support/agent.ts";
import { temporary } from "../support/hooks.ts";

/** Deno's cache of compiled code, which has the names of all modules that were loaded. */
const CACHE = "v8_code_cache_v2";

/** The modules of Node that programs with this cache have loaded. */
function modulesIn(directory: string): string[] {
  const text = [CACHE, `${CACHE}-wal`].map((name) => join(directory, name))
    .filter((path) => existsSync(path))
    .map((path) => readFileSync(path, "latin1")).join("");
  const found = text.matchAll(/ext:deno_node\/[\w./-]+?\.(?:ts|mjs|js)/g);
  return [...new Set([...found].map(([name]) => name))].sort();
}

/** The modules that a program of this text loads. */
function modulesOf(text: string): string[] {
  const directory = temporary();
  try {
    const script = join(directory.path, "script.js");
    writeFileSync(script, text);
    const [command, ...args] = denoRun("");
    const { status, stderr } = spawnSync(
      command,
      [...args.slice(0, -1), script],
      { encoding: "utf8", env: { ...process.env, DENO_DIR: directory.path } },
    );
    assert.equal(status, 0, stderr);
    return modulesIn(directory.path);
  } finally {
    directory.remove();
  }
}

/** Declares the test. */
export function bundleNode(): void {
  test("start, prepare and recovery load no module of Node, beside the timers", async () => {
    const timers = modulesOf("setTimeout(() => {}, 0)");
    // The check can fail.
    const more = modulesOf('import "node:fs"; setTimeout(() => {}, 0)');
    assert.ok(more.length > timers.length, more.join());
    const directory = temporary();
    try {
      await using agent = await TestAgent.start("bundle", [
        "--no-forward-ports",
      ], { DENO_DIR: directory.path });
      assert.equal((await agent.settle()).status, 200);
      assert.equal((await agent.health()).status, 200);
      await agent.stop();
      const other = modulesIn(directory.path)
        .filter((name) => !timers.includes(name));
      assert.deepEqual(other, []);
    } finally {
      directory.remove();
    }
  });
}
