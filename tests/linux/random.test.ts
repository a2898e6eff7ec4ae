import assert from "node:assert/strict";
import { test } from "node:test";
import { randomId } from "../../src/linux/random.ts";

test("random ids are 32 hexadecimal digits that never repeat", () => {
  const ids = Array.from({ length: 1000 }, () => randomId());
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
  assert.equal(new Set(ids).size, 1000);
  for (let i = 0; i < 32; i++) {
    assert.ok(new Set(ids.map((id) => id[i])).size > 1, `digit ${i}`);
  }
});
