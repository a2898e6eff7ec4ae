import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { formatters, jsonFormatter, LogLevels, LogRecord } from "@std/log";

describe("jsonFormatter", () => {
  function line(msg: string, ...args: unknown[]) {
    const level = LogLevels.ERROR;
    const record = new LogRecord({ msg, args, level, loggerName: "test" });
    const head = `{"level":"ERROR","datetime":${record.datetime.getTime()},`;
    const text = formatters.jsonFormatter(record);
    assert.ok(text.startsWith(head), text);
    return text.slice(head.length);
  }

  test("no arguments: no args", () => {
    assert.equal(line('a "b"\nc'), '"message":"a \\"b\\"\\nc"}');
  });

  test("one argument: bare", () => {
    assert.equal(line("m", { a: 1 }), '"message":"m","args":{"a":1}}');
    assert.equal(line("m", "x"), '"message":"m","args":"x"}');
    assert.equal(line("m", [1, 2]), '"message":"m","args":[1,2]}');
    assert.equal(line("m", null), '"message":"m","args":null}');
  });

  test("several arguments: an array", () => {
    assert.equal(line("m", 1, { a: 2 }), '"message":"m","args":[1,{"a":2}]}');
  });

  test("is exported by its name too", () => {
    assert.equal(jsonFormatter, formatters.jsonFormatter);
  });
});
