import assert from "node:assert/strict";
import { test } from "node:test";
import { holdBeyond } from "../../src/dialects/hold.ts";

test("the lease ends before the hold, also in an agent that is busy for a while", () => {
  for (const lease of [1, 20, 3600]) {
    assert.ok(holdBeyond(lease) >= lease * 1000 + 1000);
  }
});
