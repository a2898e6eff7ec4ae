import assert from "node:assert/strict";
import { test } from "node:test";
import { mappingsIn, residentMappings } from "../../src/linux/smaps.ts";

test("the mappings with pages in memory, and nothing of the others", () => {
  const smaps = [
    "00400000-00500000 r-xp 00000000 fe:00 42    /usr/bin/lull",
    "Size:               1024 kB",
    "Rss:                 128 kB",
    "AnonHugePages:         0 kB",
    "7f0000000000-7f4000000000 rw-p 00000000 00:00 0 ",
    "Rss:                   0 kB",
    "AnonHugePages:         0 kB",
    "7ffc00000000-7ffc00400000 rw-p 00000000 00:00 0    [heap]",
    "Rss:                4096 kB",
    "AnonHugePages:      2048 kB",
  ].join("\n");
  assert.deepEqual(mappingsIn(smaps), [
    {
      ...{ from: 0x400000, to: 0x500000, rights: "r-xp", isFile: true },
      ...{ name: "/usr/bin/lull", resident: 128 * 1024, huge: 0 },
    },
    {
      ...{ from: 0x7ffc00000000, to: 0x7ffc00400000, rights: "rw-p" },
      ...{ isFile: false, name: "[heap]", resident: 2 ** 22, huge: 2 ** 21 },
    },
  ]);
});

test("this process has its program and a stack in memory", () => {
  const names = residentMappings().map(({ name }) => name);
  assert.ok(names.includes("[stack]"), names.join());
  assert.ok(names.some((name) => name.startsWith("/")), names.join());
});
