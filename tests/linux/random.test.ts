import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { randomId } from "../../src/linux/random.ts";
import { realLibc } from "../support/libc.ts";

describe("random names", () => {
  for (const by of ["the runtime", "the C library"]) {
    it(`are 32 hex digits that never repeat, read by ${by}`, async () => {
      const libc = by === "the runtime" ? {} : await realLibc();
      const ids = Array.from({ length: 1000 }, () => randomId(libc));
      for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
      assert.equal(new Set(ids).size, 1000);
      // No digit stands still.
      for (let i = 0; i < 32; i++) {
        assert.ok(new Set(ids.map((id) => id[i])).size > 1, `digit ${i}`);
      }
    });
  }

  it("are the runtime's reading where the C library's fails", () => {
    assert.match(randomId({ read: () => -1 }), /^[0-9a-f]{32}$/);
  });
});
