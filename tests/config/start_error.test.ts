import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, failureOf, StartError } from "../../src/config/error.ts";

test("a start that fails says one line, and how it ends", () => {
  const cases: [unknown, string, number][] = [
    [new StartError("Cannot listen: why"), "Cannot listen: why", 1],
    [new ConfigError("Cannot use --port: why"), "Cannot use --port: why", 2],
    [new ConfigError("Cannot read it: why", 1), "Cannot read it: why", 1],
    [new Error("out of luck"), "Cannot start: out of luck", 1],
    [new Error("  two\n  lines\n"), "Cannot start: two lines", 1],
    [new TypeError(""), "Cannot start: the reason is unknown", 1],
    ["text", "Cannot start: text", 1],
    [undefined, "Cannot start: undefined", 1],
  ];
  for (const [error, sentence, exitCode] of cases) {
    assert.deepEqual(failureOf(error), { line: `lull: ${sentence}`, exitCode });
  }
});
