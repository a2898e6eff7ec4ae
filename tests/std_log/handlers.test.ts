import { after, afterEach, before, describe, mock, test } from "node:test";
import assert from "node:assert/strict";
import process from "node:process";
import {
  ConsoleHandler,
  getLevelName,
  type LevelName,
  type LogLevel,
  LogLevelNames,
  LogLevels,
  LogRecord,
} from "@std/log";
import { Recorder } from "./recorder.ts";

function recordOf(levelName: LevelName, msg = "msg"): LogRecord {
  const level = LogLevels[levelName];
  return new LogRecord({ msg, args: [], level, loggerName: "test" });
}

describe("BaseHandler", () => {
  test("level and levelName stay in step", () => {
    const handler = new Recorder("INFO");
    assert.deepEqual([handler.level, handler.levelName], [20, "INFO"]);
    handler.level = LogLevels.ERROR;
    assert.deepEqual([handler.level, handler.levelName], [40, "ERROR"]);
    handler.levelName = "DEBUG";
    assert.deepEqual([handler.level, handler.levelName], [10, "DEBUG"]);
  });

  test("a level that does not exist is refused and changes nothing", () => {
    const handler = new Recorder("INFO");
    const noName = new Error("Cannot get log level: no level named X");
    assert.throws(() => new Recorder("X" as LevelName), noName);
    assert.throws(() => handler.levelName = "X" as LevelName, noName);
    assert.throws(
      () => handler.level = 5 as LogLevel,
      new Error("Cannot get log level: no name for level: 5"),
    );
    assert.deepEqual([handler.level, handler.levelName], [20, "INFO"]);
  });

  test("handle drops what is below its level, and formats and logs the rest", () => {
    for (const own of LogLevelNames) {
      const handler = new Recorder(own);
      for (const name of LogLevelNames) handler.handle(recordOf(name));
      assert.deepEqual(
        handler.lines,
        LogLevelNames.filter((name) => LogLevels[name] >= LogLevels[own])
          .map((name) => `${name} msg`),
      );
    }
  });

  test("format uses the formatter, by default LEVELNAME msg", () => {
    const record = recordOf("WARN");
    assert.equal(new Recorder("INFO").format(record), "WARN msg");
    const formatter = ({ msg, level }: LogRecord) => `${msg}@${level}`;
    const handler = new Recorder("INFO", { formatter });
    assert.equal(handler.formatter, formatter);
    assert.equal(handler.format(record), "msg@30");
    handler.handle(record);
    assert.deepEqual(handler.lines, ["msg@30"]);
  });

  test("Symbol.dispose destroys", () => {
    const handler = new Recorder("INFO");
    handler[Symbol.dispose]();
    assert.deepEqual(handler.events, ["destroy"]);
  });
});

describe("ConsoleHandler", () => {
  const noColor = process.env.NO_COLOR;
  before(() => {
    delete process.env.NO_COLOR;
  });
  afterEach(() => mock.restoreAll());
  after(() => {
    if (noColor !== undefined) process.env.NO_COLOR = noColor;
  });

  /** Every line that console.log, and nothing else, writes for all levels. */
  function written(handler: ConsoleHandler): unknown[] {
    const log = mock.method(console, "log", () => {});
    const others = (["debug", "info", "warn", "error"] as const)
      .map((name) => mock.method(console, name, () => {}));
    for (const name of LogLevelNames) handler.handle(recordOf(name));
    for (const other of others) assert.equal(other.mock.callCount(), 0);
    return log.mock.calls.flatMap((call: { arguments: unknown[] }) =>
      call.arguments
    );
  }

  const plain = LogLevelNames.map((name) => `${name} msg`);

  test("colours the whole line, with console.log at all levels", () => {
    assert.deepEqual(written(new ConsoleHandler("NOTSET")), [
      "NOTSET msg",
      "DEBUG msg",
      "\x1b[34mINFO msg\x1b[39m",
      "\x1b[33mWARN msg\x1b[39m",
      "\x1b[31mERROR msg\x1b[39m",
      "\x1b[1m\x1b[31mCRITICAL msg\x1b[39m\x1b[22m",
    ]);
  });

  test("useColors false writes plain lines", () => {
    const handler = new ConsoleHandler("NOTSET", { useColors: false });
    assert.deepEqual(written(handler), plain);
  });

  test("NO_COLOR in the environment writes plain lines", () => {
    process.env.NO_COLOR = "1";
    try {
      assert.deepEqual(written(new ConsoleHandler("NOTSET")), plain);
    } finally {
      delete process.env.NO_COLOR;
    }
  });

  test("obeys its level and its formatter", () => {
    const formatter = ({ level }: LogRecord) => getLevelName(level)[0];
    const handler = new ConsoleHandler("ERROR", { formatter });
    assert.deepEqual(written(handler), [
      "\x1b[31mE\x1b[39m",
      "\x1b[1m\x1b[31mC\x1b[39m\x1b[22m",
    ]);
  });
});
