/** The task that runs the agent while one works on it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { oweKill } from "./support/cleanup.ts";
import { temporary } from "./support/hooks.ts";
import { until } from "./support/until.ts";

test("deno task dev starts an agent, and ends at the second SIGTERM", async () => {
  const directory = temporary();
  const child = spawn("deno", [
    "task",
    "dev",
    "--port=0",
    `--runtime-directory=${directory.path}`,
    `--hooks-socket=${directory.path}/hooks.sock`,
  ], {
    cwd: fileURLToPath(new URL("..", import.meta.url).href),
    // A group of its own, which is signalled as a terminal signals it.
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const debt = oweKill(-child.pid!);
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text) => output += text);
  const end = new Promise((resolve) => child.once("close", resolve));
  const signal = () => process.kill(-child.pid!, "SIGTERM");
  try {
    await until("the agent", () => output.includes("main: listening"));
    signal();
    // Deno itself waits for a change then.
    await until("the agent's end", () => output.includes("Process finished"));
    signal();
    await end;
    assert.match(output, /ended .*state=running/);
  } finally {
    debt.settle();
    directory.remove();
  }
});
