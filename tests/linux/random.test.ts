import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { randomBytes, randomId } from "../../src/linux/random.ts";

describe("random", () => {
  it("gives as many bytes as asked for", () => {
    for (const length of [0, 1, 16, 512, 1_000_000]) {
      assert.equal(randomBytes(length).length, length);
    }
    assert.ok(randomBytes(4096).some((byte) => byte !== 0));
  });

  it("makes ids of 32 hex digits that never repeat", () => {
    const ids = Array.from({ length: 1000 }, randomId);
    for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
    assert.equal(new Set(ids).size, 1000);
  });
});
