import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { Libc } from "../../src/linux/libc.ts";
import { pageBytes } from "../../src/linux/page_size.ts";
import { residentBytes } from "../../src/memory/info.ts";
import { WorkingSet } from "../../src/memory/working_set.ts";
import { unexpected } from "../support/deferred.ts";

const LARGE = 16_384;
const PAGEOUT = 21;

/** The bytes of all mappings of files, as the kernel lists them. */
function mappedBytes(): Map<bigint, bigint> {
  const text = readFileSync("/proc/self/maps", "utf8");
  const found = text.matchAll(/^(\w+)-(\w+) \S+ \S+ \S+ ([1-9]\d*) /gm);
  return new Map(Array.from(found, ([, from, to]) => {
    const address = BigInt(`0x${from}`);
    return [address, BigInt(`0x${to}`) - address];
  }));
}

describe("with pages of 16 KiB", () => {
  test("the resident memory is counted in these pages", () => {
    const small = residentBytes(4096);
    const large = residentBytes(LARGE);
    assert.equal(large % LARGE, 0);
    // Other threads of this process allocate between the two reads.
    assert.ok(large > 3 * small && large < 5 * small, `${small}, ${large}`);
    const own = residentBytes() / pageBytes();
    assert.ok(own > 2 / 3 * small / 4096 && own < 3 / 2 * small / 4096);
  });

  test("the working set asks for a byte per page, and drops whole pages", () => {
    const maps = mappedBytes();
    let resident = 0;
    const asked = new Map<bigint, number>();
    const dropped: [address: bigint, bytes: bigint][] = [];
    const libc: Libc = {
      mincore(address, bytes, pages) {
        const count = Number((bytes + BigInt(LARGE - 1)) / BigInt(LARGE));
        assert.equal(pages!.length, count);
        asked.set(address!, pages!.length);
        pages!.fill(resident);
        return 0;
      },
      madvise(address, bytes, advice) {
        if (advice === PAGEOUT) dropped.push([address!, bytes]);
        return 0;
      },
    };
    const program = new WorkingSet(libc, unexpected, LARGE);
    program.pageOut(); // nothing is recorded yet: all mappings go
    program.record(); // no page has come back
    dropped.length = 0;
    resident = 1;
    program.pageOut(); // each page that is there goes
    let seen = 0;
    for (const [address, bytes] of dropped) {
      const mapped = maps.get(address);
      if (mapped === undefined) continue; // mapped since then
      seen++;
      assert.equal(bytes, BigInt(asked.get(address)!) * BigInt(LARGE));
      assert.ok(bytes >= mapped && bytes < mapped + BigInt(LARGE));
    }
    assert.ok(seen > 0);
  });
});
