/** The pages of a file that have bytes, and those that differ between two files. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { changedPages, PAGE, storedPages } from "./memory_files.ts";

const dir = mkdtempSync(join(tmpdir(), "lull-pages-"));
after(() => rmSync(dir, { recursive: true }));
let count = 0;

/** A file of so many pages; each page in the list has that byte at that offset. */
function memory(
  pages: number,
  bytes: readonly (readonly [page: number, offset: number, byte: number])[],
): string {
  const file = join(dir, `memory-${++count}`);
  const content = new Uint8Array(pages * PAGE);
  for (const [page, offset, byte] of bytes) {
    content[page * PAGE + offset] = byte;
  }
  writeFileSync(file, content);
  return file;
}

test("stored pages have a byte that is not zero, at their start or at their end", () => {
  const file = memory(8, [[1, 0, 1], [2, PAGE - 1, 255], [7, 17, 3]]);
  assert.deepEqual(storedPages(file), [1, 2, 7]);
});

test("a file of holes stores nothing", () => {
  const file = join(dir, "holes");
  writeFileSync(file, "");
  truncateSync(file, 64 << 20);
  assert.deepEqual(storedPages(file), []);
});

test("changed pages differ in any byte; zeros count as any other byte", () => {
  const before = memory(6, [[0, 0, 1], [2, 9, 9], [4, PAGE - 1, 1]]);
  const now = memory(6, [[0, 0, 1], [2, 9, 8], [3, 100, 1]]);
  assert.deepEqual(changedPages(before, now), [2, 3, 4]);
  assert.deepEqual(changedPages(before, before), []);
});

test("pages beyond the first mebibytes have their own numbers", () => {
  const before = memory(1025, [[255, 0, 1], [256, 0, 1], [1024, 5, 1]]);
  assert.deepEqual(storedPages(before), [255, 256, 1024]);
  const now = memory(1025, [[256, 0, 1]]);
  assert.deepEqual(changedPages(before, now), [255, 1024]);
});

test("two files of different sizes are not compared", () => {
  assert.throws(
    () => changedPages(memory(2, []), memory(3, [])),
    /^Error: Cannot compare .* 8192 and 12288 bytes/,
  );
});
