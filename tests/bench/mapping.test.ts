/** The mapping of a file in smaps, its frames, and the entries of a pagemap. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { realpathSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import {
  findMapping,
  framesOf,
  mappingOf,
  referencedPages,
} from "./mapping.ts";
import { until } from "../support/until.ts";
import { framesIn } from "./pagemap.ts";

const SMAPS = `7f16a3fff000-7f16a4000000 ---p 00000000 00:00 0
Size:                  4 kB
Referenced:            4 kB
7f1683fff000-7f16a3fff000 rw-s 00000000 00:1b 133                        /dev/shm/a b/memory
Size:             524288 kB
Rss:              524288 kB
Referenced:         6172 kB
AnonHugePages:         0 kB
ShmemPmdMapped:     2048 kB
FilePmdMapped:         0 kB
VmFlags: rd wr sh mr mw me ms dc hg
7f16a4000000-7f16a4021000 rw-p 00000000 00:00 0
Referenced:          132 kB
`;

test("a mapping has its address, its size, its mapped, its touched and its huge pages", () => {
  assert.deepEqual(findMapping(SMAPS, "/dev/shm/a b/memory"), {
    start: 0x7f1683fff000,
    bytes: 512 << 20,
    mapped: 131072,
    touched: 1543,
    hugeBytes: 2 << 20,
  });
});

test("a file that is not mapped is an error that names it", () => {
  assert.throws(
    () => findMapping(SMAPS, "/dev/shm/b/memory"),
    /^Error: Cannot count pages of \/dev\/shm\/b\/memory: /,
  );
});

test("a pagemap's entry has a frame only if the page is in memory", () => {
  const present = 1 << 31;
  const softDirty = 1 << 23;
  const entries = Uint32Array.of(5, 0, 6, present, 7, present | softDirty | 1);
  assert.deepEqual(framesIn(entries), [0, 6, 2 ** 32 + 7]);
});

test("the program of this process is mapped, and root sees its frames", async (t) => {
  const mapping = mappingOf(process.pid, realpathSync("/proc/self/exe"));
  const frames = framesOf(process.pid, mapping);
  assert.equal(frames.length, mapping.bytes / 4096);
  if (process.getuid?.() !== 0) return t.skip("only root sees page frames");
  assert.ok(frames.some((frame) => frame !== 0));
  // Other programs of this machine may need the memory: then the kernel takes its marks away.
  const pages = await until("pages that are marked", () => {
    spawnSync(process.execPath, ["--version"]);
    const pages = referencedPages(frames);
    return pages.length > 0 && pages;
  });
  assert.ok(pages);
  assert.deepEqual(pages, pages.toSorted((a, b) => a - b));
  assert.ok(pages.every((page) => frames[page] !== 0));
});
