import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import { errnoName, errnoOf } from "../../src/util/errno.ts";

/** Second names of numbers. */
const SECOND = ["EWOULDBLOCK", "EOPNOTSUPP", "EDEADLOCK"];

test("the names of error numbers are those of node:os", () => {
  const all = Object.entries(constants.errno)
    .filter(([name]) => !SECOND.includes(name));
  assert.ok(all.length > 70, `${all.length}`);
  for (const [name, number] of all) {
    assert.equal(errnoName(number), name);
    assert.equal(errnoOf(name), number);
  }
});

test("the last name has the last number, and others have none", () => {
  assert.equal(errnoName(133), "EHWPOISON");
  for (const number of [0, 41, 58, 134, -1]) {
    assert.equal(errnoName(number), `errno ${number}`);
  }
});
