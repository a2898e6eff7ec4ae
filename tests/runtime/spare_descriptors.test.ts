import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { lackOfDescriptors } from "../../src/runtime/spare_descriptors.ts";

const ECHO = new URL("../support/echo_worker.ts", import.meta.url);

/** The soft limit of open files; without one given, it is only read. */
function openFilesLimit(most = ""): string {
  const args = [`--pid=${process.pid}`, `--nofile${most && `=${most}:`}`];
  const { stdout } = spawnSync("prlimit", [...args, "--raw", "--noheadings"]);
  return `${stdout ?? ""}`.split(/\s+/).at(-3) ?? "";
}

const before = openFilesLimit();

describe("descriptors that are free", {
  skip: before === "" ? "there is no prlimit" : false,
}, () => {
  /** Calls the action while so many descriptors are free. */
  function withFree(count: number, action: () => void): void {
    const taken: number[] = [];
    openFilesLimit("256");
    try {
      assert.throws(() => {
        for (;;) taken.push(openSync("/dev/null", "r"));
      }, { code: "EMFILE" });
      for (const fd of taken.splice(0, count)) closeSync(fd);
      action();
    } finally {
      for (const fd of taken) closeSync(fd);
      openFilesLimit(before);
    }
  }

  test("are counted, and none of them is kept", () => {
    assert.equal(lackOfDescriptors(8), undefined);
    // Other tests of this process may close or open a few meanwhile.
    withFree(32, () => {
      assert.equal(lackOfDescriptors(128), "EMFILE");
      for (let call = 0; call < 32; call++) {
        assert.equal(lackOfDescriptors(8), undefined);
      }
    });
  });

  test("a worker does not start without them: the process would end", async () => {
    const runtime = await loadRuntime();
    const events = { onMessage() {}, onError() {} };
    withFree(5, () => {
      assert.throws(() => runtime.startWorker(ECHO, events), {
        message: `Cannot start worker ${ECHO.href}: EMFILE`,
        code: "EMFILE",
      });
    });
    const worker = runtime.startWorker(ECHO, events);
    await worker.terminate();
  });
});
