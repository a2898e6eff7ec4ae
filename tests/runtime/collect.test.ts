import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import { pageBytes } from "../../src/linux/page_size.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { until } from "../support/until.ts";

const MIB = 1024 * 1024;

describe("collect", () => {
  let runtime: Runtime;
  before(async () => {
    runtime = await loadRuntime();
  });

  it("gives the memory of garbage back to the system", async () => {
    await runtime.collect();
    const before = residentBytes();
    litter();
    const littered = residentBytes();
    assert.ok(littered - before > 60 * MIB, `${littered - before} bytes`);
    assert.equal(await runtime.collect(), true);
    await until("the return of the memory", () => {
      return residentBytes() - before < (littered - before) / 3;
    });
  });

  it("does nothing once its signal has aborted", async () => {
    assert.equal(await runtime.collect(AbortSignal.abort()), false);
  });

  it("stops where its signal aborts, where it has something to stop", async () => {
    const abort = new AbortController();
    const collecting = runtime.collect(abort.signal);
    abort.abort();
    // V8 collects in one go, which is over by now
    assert.equal(await collecting, runtime.name === "deno");
  });
});

/** In a function of its own, so that nothing on the stack keeps it alive. */
function litter(): void {
  const buffers = Array.from(
    { length: 100 },
    () => new Uint8Array(MIB).fill(1),
  );
  assert.equal(buffers.length, 100);
}

function residentBytes(): number {
  const statm = readFileSync("/proc/self/statm", "utf8").split(" ");
  return Number(statm[1]) * pageBytes();
}
