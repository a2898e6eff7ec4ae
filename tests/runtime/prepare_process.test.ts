import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { loadRuntime } from "../../src/runtime/mod.ts";

const PROGRAM = fileURLToPath(
  new URL("../support/prepared_process.ts", import.meta.url).href,
);
const SETTING = "BUN_GC_TIMER_DISABLE";
const SETTINGS = [
  "BUN_GC_TIMER_DISABLE=1",
  "BUN_JSC_useBaselineJIT=0",
  "BUN_JSC_forceCodeBlockLiveness=1",
  "BUN_JSC_percentCPUPerMBForFullTimer=0.0000001",
  "BUN_JSC_percentCPUPerMBForEdenTimer=0.0000001",
  "BUN_JSC_smallHeapSize=2097152",
  "MIMALLOC_PURGE_DELAY=0",
];
const MARKER = "LULL_FORMER_ENVIRONMENT";

interface Printed {
  pid: number;
  spawned: number;
  args: string[];
  reason: string | null;
  own: [string, string][];
  child: string[];
  atStart: string[];
}

describe("prepareProcess", () => {
  let name: string;
  before(async () => {
    name = (await loadRuntime()).name;
  });

  it("keeps the process id and every argument, and leaves no trace", async () => {
    const args = ["serve", "", "--flag=a b", "é"];
    const printed = await run({}, args);
    assert.equal(printed.pid, printed.spawned);
    assert.deepEqual(printed.args, args);
    assert.equal(printed.reason, null);
    assert.deepEqual(printed.own, []);
    assert.deepEqual(printed.child, []);
  });

  it("starts Bun with its settings, and Deno as it is", async () => {
    const { atStart } = await run({});
    const expected = name === "bun" ? [...SETTINGS, `${MARKER}={}`].sort() : [];
    assert.deepEqual(atStart, expected);
  });

  it("leaves the user's own setting to the children", async () => {
    for (const value of ["0", "1", ""]) {
      const printed = await run({ [SETTING]: value });
      assert.deepEqual(printed.own, [[SETTING, value]]);
      assert.deepEqual(printed.child, [`${SETTING}=${value}`]);
      assert.equal(printed.reason, null);
    }
  });

  it("executes itself not at all if it is started with the settings, and leaves no trace", async () => {
    const env = Object.fromEntries(SETTINGS.map((one) => one.split("=")));
    const printed = await run(env);
    assert.deepEqual(printed.atStart, [...SETTINGS].sort());
    assert.equal(printed.reason, null);
    if (name === "deno") return;
    assert.deepEqual(printed.own, []);
    assert.deepEqual(printed.child, []);
  });

  it("executes itself again if one setting is another", async () => {
    const env = Object.fromEntries(SETTINGS.map((one) => one.split("=")));
    const printed = await run({ ...env, MIMALLOC_PURGE_DELAY: "7" });
    assert.equal(printed.reason, null);
    if (name === "deno") return;
    const marker = printed.atStart.find((one) => one.startsWith(MARKER));
    const former = JSON.parse(marker!.slice(MARKER.length + 1));
    assert.equal(former.MIMALLOC_PURGE_DELAY, "7");
    assert.ok(printed.child.includes("MIMALLOC_PURGE_DELAY=7"));
  });

  it("never executes itself a second time", async () => {
    for (const marker of [`{"${SETTING}":"0"}`, "garbage"]) {
      const printed = await run({ [MARKER]: marker });
      if (name === "deno") {
        assert.equal(printed.reason, null);
        continue;
      }
      assert.match(
        printed.reason ?? "",
        /Cannot change settings of Bun: .*lost/,
      );
      const own = marker === "garbage" ? [] : [[SETTING, "0"]];
      assert.deepEqual(printed.own, own);
      assert.deepEqual(printed.atStart, [`${MARKER}=${marker}`]);
    }
  });
});

async function run(
  env: Record<string, string>,
  args: string[] = [],
): Promise<Printed> {
  const clean = { ...process.env };
  for (const setting of SETTINGS) delete clean[setting.split("=")[0]];
  delete clean[MARKER];
  const runtime = await loadRuntime();
  const flags = runtime.name === "deno" ? ["run", "-A", "--no-check"] : ["run"];
  const child = spawn(process.execPath, [...flags, PROGRAM, ...args], {
    env: { ...clean, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (piece) => text += piece);
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(code, 0);
  return { ...JSON.parse(text), spawned: child.pid };
}
