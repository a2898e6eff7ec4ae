import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  bytesEverFreed,
  bytesKeptFree,
  memoryInfo,
} from "../../src/memory/info.ts";

describe("what the kernel says of memory", () => {
  test("is read from its own files", () => {
    const { free, cached } = memoryInfo();
    assert.ok(free > 0 && cached >= 0);
    assert.ok(bytesEverFreed() > 0);
    assert.ok(bytesKeptFree() > 0);
  });

  test("is in kilobytes and pages there, and in bytes here", () => {
    const directory = mkdtempSync(join(tmpdir(), "lull-test-"));
    const file = join(directory, "file");
    try {
      writeFileSync(file, "MemFree:    12 kB\nCached:      3 kB\n");
      assert.deepEqual(memoryInfo(file), { free: 12_288, cached: 3072 });
      assert.throws(() => bytesEverFreed(file), /no pgfree/);
      writeFileSync(file, "pgfree 2\npgfree_x 9\n");
      assert.equal(bytesEverFreed(file, 4096), 8192);
      assert.equal(bytesEverFreed(file, 16_384), 32_768);
      assert.throws(() => memoryInfo(file), /no MemFree/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
