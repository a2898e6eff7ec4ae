import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { loadRuntime } from "../../src/runtime/mod.ts";

it("each runtime has a folder with the same files", () => {
  // Bun has a folder vsock in addition: Deno's own server can listen there.
  const filesOf = (runtime: string) =>
    readdirSync(join(import.meta.dirname!, "../../src/runtime", runtime))
      .filter((name) => name.endsWith(".ts")).sort();
  assert.deepEqual(filesOf("bun"), filesOf("deno"));
});

describe("loadRuntime", () => {
  it("finds the runtime that runs this process, and its version", async () => {
    const { name, version } = await loadRuntime();
    assert.equal(process.versions[name], version);
    assert.match(version, /^\d+\.\d+\.\d+/);
  });

  it("has these members in both runtimes, and no others", async () => {
    assert.deepEqual(Object.keys(await loadRuntime()).sort(), [
      "collect",
      "connectVsock",
      "forgetsTimers",
      "name",
      "openLibrary",
      "openWatch",
      "serve",
      "startWorker",
      "threadId",
      "version",
      "wakesForConnections",
      "watchDescriptor",
    ]);
  });

  it("gives the same adapter each time", async () => {
    assert.equal(await loadRuntime(), await loadRuntime());
  });
});
