/** What a guest's pages are used for, by the flags that its kernel gives. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  countTypes,
  PAGE_TYPES,
  type PageType,
  residentBlocks,
  typeOf,
} from "./page_types.ts";

// linux/kernel-page-flags.h
const FILE = 1 << 2 | 1 << 3 | 1 << 5;
const ANONYMOUS = 1 << 5 | 1 << 12 | 1 << 14;
const MAPPED = 1 << 11;

test("each page has the type that its flags say", () => {
  const cases: [PageType, number, number, boolean][] = [
    ["agent's heap", ANONYMOUS | MAPPED, 0, true],
    ["other programs", ANONYMOUS | MAPPED, 0, false],
    ["agent's program", FILE | MAPPED, 0, true],
    ["file pages", FILE | MAPPED, 0, false],
    ["file pages", FILE, 0, false],
    ["page tables", 1 << 26, 0, false],
    ["kernel slab", 1 << 7, 0, false],
    ["free", 1 << 10, 0, false],
    ["kernel image", 0, 1, false],
    // the agent maps what the kernel gives it: the vDSO, the page of zeros
    ["kernel image", MAPPED, 1, true],
    ["kernel image", 1 << 24, 0, true],
    ["kernel, other", 0, 0, false],
  ];
  for (const [type, low, high, mapped] of cases) {
    assert.equal(typeOf(low, high, mapped), type);
  }
});

test("only stretches of addresses with pages are read, neighbours at once", () => {
  const smaps = [
    "00400000-00500000 r-xp 00000000 08:01 12   /bin/agent",
    "Rss:                 16 kB",
    "00500000-00b00000 rw-p 00000000 00:00 0",
    "Rss:                  4 kB",
    "7f0000000000-7f4000000000 ---p 00000000 00:00 0",
    "Rss:                  0 kB",
    "7f4000100000-7f4000200000 rw-p 00000000 00:00 0",
    "Rss:                  8 kB",
  ].join("\n");
  assert.deepEqual(residentBlocks(smaps), [
    { first: 2, count: 4 },
    { first: 0x7f4000000000 / 2 ** 21, count: 1 },
  ]);
});

test("a mapping inside the last block does not shorten it", () => {
  const smaps = [
    "00400000-00900000 rw-p 00000000 00:00 0",
    "Rss:                  4 kB",
    "00900000-00910000 rw-p 00000000 00:00 0",
    "Rss:                  4 kB",
  ].join("\n");
  assert.deepEqual(residentBlocks(smaps), [{ first: 2, count: 3 }]);
});

test("pages are counted by type; a type without pages has 0", () => {
  const types: PageType[] = ["free", "agent's heap", "free", "page tables"];
  const counts = countTypes([0, 1, 2], types);
  assert.deepEqual(Object.keys(counts), [...PAGE_TYPES]);
  assert.equal(counts.free, 2);
  assert.equal(counts["agent's heap"], 1);
  assert.equal(counts["page tables"], 0);
});
