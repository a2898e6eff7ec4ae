/**
 * The code and the text of an error.
 * @module
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  errorCode,
  errorText,
  hasCode,
  messageOf,
} from "../../src/util/errors.ts";

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("it did not throw");
}

test("an error of node:fs has its code, which is also its text", () => {
  const error = thrownBy(() => readFileSync("/proc/self/missing"));
  assert.equal(errorCode(error), "ENOENT");
  assert.equal(errorText(error), "ENOENT");
  assert.ok(hasCode(error, "ENOENT"));
  assert.ok(hasCode(error, "EACCES", "ENOENT"));
  assert.ok(!hasCode(error, "EACCES"));
});

test("an error without a code has its message as text", () => {
  const error = new Error("no such thing");
  assert.equal(errorCode(error), undefined);
  assert.equal(errorText(error), "no such thing");
  assert.ok(!hasCode(error));
});

test("a value that is no error has no code", () => {
  for (const thrown of ["words", undefined, null, { code: "ENOENT" }]) {
    assert.equal(errorCode(thrown), undefined);
    assert.equal(errorText(thrown), String(thrown));
    assert.equal(messageOf(thrown), String(thrown));
  }
});
