import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { loadRuntime } from "../../src/runtime/mod.ts";

describe("loadRuntime", () => {
  it("finds the runtime that runs this process, and its version", async () => {
    const { name, version } = await loadRuntime();
    assert.equal(process.versions[name], version);
    assert.match(version, /^\d+\.\d+\.\d+/);
  });

  it("gives the same adapter each time", async () => {
    assert.equal(await loadRuntime(), await loadRuntime());
  });
});
