import assert from "node:assert/strict";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { KERNEL_LOG } from "../../src/linux/kmsg.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { descriptorsOf } from "../support/descriptors.ts";
import { temporary } from "../support/hooks.ts";
import { realLibc } from "../support/libc.ts";
import { until } from "../support/until.ts";

const directory = temporary();
after(directory.remove);
const pipe = join(directory.path, "pipe");
const { mkfifo } = await realLibc();
assert.equal(mkfifo!(new TextEncoder().encode(`${pipe}\0`), 0o600), 0);

const open = () =>
  descriptorsOf((path) => path === KERNEL_LOG || path === pipe);

test("waking up is tried, and leaves no descriptor behind", async (context) => {
  try {
    accessSync(KERNEL_LOG, constants.R_OK);
  } catch {
    return context.skip(`needs the right to read ${KERNEL_LOG}`);
  }
  const runtime = await loadRuntime();
  const before = open();
  for (let time = 0; time < 5; time++) {
    await runtime.tryInput(pipe, KERNEL_LOG);
  }
  // Bun's stream is closed on a thread, soon after its cancel has returned
  await until("their closing", () => open() <= before);
});

test("what cannot be opened is told", async () => {
  const runtime = await loadRuntime();
  const nothing = join(directory.path, "nothing");
  await assert.rejects(runtime.tryInput(nothing, nothing), { code: "ENOENT" });
});
