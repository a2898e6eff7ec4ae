import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { commandFor } from "../support/namespace/mod.ts";

test("errors that nothing catches are logged, and the process goes on", () => {
  const [command, ...args] = commandFor(
    new URL("../support/surviving.ts", import.meta.url),
  );
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.equal(status, 0, stderr);
  assert.deepEqual(
    JSON.parse(stdout),
    ["event", "microtask", "promise", "timer"].map((one) => `Error: ${one}`),
  );
});
