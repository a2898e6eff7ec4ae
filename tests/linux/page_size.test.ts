import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { pageBytes, readPageBytes } from "../../src/linux/page_size.ts";

describe("the size of a page", () => {
  const directory = mkdtempSync(join(tmpdir(), "lull-page-"));
  after(() => rmSync(directory, { recursive: true }));
  const none = join(directory, "none");

  function file(name: string, content: Uint8Array | string): string {
    const path = join(directory, name);
    writeFileSync(path, content);
    return path;
  }

  /** Pairs of a type and a value, as the kernel gives them to each process. */
  function vector(name: string, ...pairs: [number, number][]): string {
    const words = new BigUint64Array(pairs.flat().map(BigInt));
    return file(name, new Uint8Array(words.buffer));
  }

  test("is what getconf says of this machine", (context) => {
    const { stdout, error } = spawnSync("getconf", ["PAGESIZE"], {
      encoding: "utf8",
    });
    if (error !== undefined) return context.skip("needs getconf");
    assert.equal(pageBytes(), Number(stdout));
    assert.equal(
      readPageBytes({ auxv: none, smaps: "/proc/self/smaps" }),
      pageBytes(),
    );
  });

  test("is the value of AT_PAGESZ, and not of its neighbours", () => {
    for (const bytes of [4096, 16_384, 65_536]) {
      const auxv = vector(`${bytes}`, [6 << 8, 1], [16, 6], [6, bytes], [0, 0]);
      assert.equal(readPageBytes({ auxv, smaps: none }), bytes);
    }
  });

  test("is in the first mapping if the vector may not be read", () => {
    const smaps = file(
      "smaps",
      "aaaa0000-aaab0000 r-xp 00000000 fe:00 12 /usr/local/bin/lull\n" +
        "Size:                 64 kB\nKernelPageSize:       16 kB\n",
    );
    assert.equal(readPageBytes({ auxv: none, smaps }), 16_384);
    const empty = vector("empty", [0, 0]);
    assert.equal(readPageBytes({ auxv: empty, smaps }), 16_384);
    assert.throws(
      () => readPageBytes({ auxv: empty, smaps: none }),
      /^Error: Cannot read the page size: the auxiliary vector has no AT_PAGESZ$/,
    );
    assert.throws(
      () => readPageBytes({ auxv: none, smaps: none }),
      /^Error: Cannot read the page size: .*ENOENT/,
    );
  });
});
