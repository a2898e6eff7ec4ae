import assert from "node:assert/strict";
import { accessSync, constants, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { KERNEL_LOG } from "../../src/linux/kmsg.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { descriptorsOf } from "../support/descriptors.ts";
import { temporary } from "../support/hooks.ts";
import { until } from "../support/until.ts";

const directory = temporary();
after(directory.remove);
const file = join(directory.path, "file");
writeFileSync(file, "a line\n");

const openLogs = () => descriptorsOf((path) => path === KERNEL_LOG);

test("waking up is tried, and leaves no descriptor behind", async (context) => {
  try {
    accessSync(KERNEL_LOG, constants.R_OK);
  } catch {
    return context.skip(`needs the right to read ${KERNEL_LOG}`);
  }
  const runtime = await loadRuntime();
  const before = openLogs();
  for (let time = 0; time < 5; time++) {
    await runtime.tryInput(file, KERNEL_LOG);
  }
  // Bun's stream is closed on a thread, soon after its cancel has returned
  await until("the log's closing", () => openLogs() <= before);
});

test("what cannot be opened is told", async () => {
  const runtime = await loadRuntime();
  const nothing = join(directory.path, "nothing");
  await assert.rejects(runtime.tryInput(nothing, nothing), { code: "ENOENT" });
});
