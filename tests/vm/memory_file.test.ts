import assert from "node:assert/strict";
import { describe } from "node:test";
import { changedPages, storedPages } from "../bench/memory_files.ts";
import { listFork } from "../bench/page_forks.ts";
import { Fleet, say } from "./support/fleet.ts";
import { removeSnapshot } from "./support/machine.ts";

describe("a machine whose memory is a file", () => {
  const fleet = new Fleet("none", { memoryFile: "whole" });

  fleet.test("is restored from its state and a copy of the file", async () => {
    const source = await fleet.copy();
    await source.sh("echo before >/run/mark");
    const snapshot = await fleet.snapshot(source, "source");
    const memory = snapshot.memory!;
    assert.ok(snapshot.bytes < 2 ** 20, "the state has the memory, too");
    const stored = storedPages(memory);
    assert.ok(stored.length > 5000, `${stored.length} pages`);
    const lazy = { ...snapshot.hardware, memoryFile: "lazy" } as const;
    for (const hardware of [snapshot.hardware, lazy]) {
      const fork = await fleet.restore({ ...snapshot, hardware });
      // QEMU itself writes one page: the generation id is in it.
      const changed = changedPages(memory, fork.memoryFile);
      assert.ok(changed.length <= 1, `${changed.length} pages`);
      await fork.cont();
      assert.equal(await fork.sh("cat /run/mark"), "before");
      await fork.sh("echo after >/run/mark");
      assert.ok(changedPages(memory, fork.memoryFile).length > 100);
      await fleet.kill(fork);
    }
    assert.deepEqual(storedPages(memory), stored); // a fork has its own copy
    removeSnapshot(snapshot);
  });

  fleet.test("tells which pages a fork has touched, and of what type", async () => {
    if (process.getuid?.() !== 0) {
      return say("not tested: only root sees page frames");
    }
    const source = await fleet.copy();
    const snapshot = await fleet.snapshot(source, "source");
    await fleet.kill(source);
    const mebibytes = 8;
    const fill =
      `dd if=/dev/zero bs=1M count=${mebibytes} | tr '\\0' x >/run/x`;
    const fork = await listFork(snapshot, (machine) => machine.sh(fill), 0);
    assert.ok(fork.touched, "the list of touched pages differs from their sum");
    const touched = new Set(fork.touched);
    const missing = fork.changed.filter((page) => !touched.has(page));
    assert.ok(missing.length < 0.02 * fork.changed.length, `${missing.length}`);
    const filled = fork.changed.filter((page) =>
      fork.types[page] === "file pages"
    );
    assert.ok(filled.length >= mebibytes * 256, `${filled.length} pages`);
    removeSnapshot(snapshot);
  });
});
