import { describe, test } from "node:test";
import assert from "node:assert/strict";
import {
  type LevelName,
  Logger,
  type LogLevel,
  LogLevels,
  LogRecord,
} from "@std/log";
import { Recorder } from "./recorder.ts";

const methods = ["debug", "info", "warn", "error", "critical"] as const;

function recorded(levelName: LevelName = "NOTSET") {
  const handler = new Recorder("NOTSET");
  const logger = new Logger("test", levelName, { handlers: [handler] });
  return { handler, logger };
}

describe("LogRecord", () => {
  const options = {
    msg: "hello",
    args: [1, { a: 2 }],
    level: LogLevels.WARN,
    loggerName: "test",
  };

  test("msg, level, levelName, loggerName", () => {
    const { msg, level, levelName, loggerName } = new LogRecord(options);
    assert.deepEqual({ msg, level, levelName, loggerName }, {
      msg: "hello",
      level: 30,
      levelName: "WARN",
      loggerName: "test",
    });
  });

  test("args and datetime give fresh copies", () => {
    const args: unknown[] = [1, { a: 2 }];
    const before = Date.now();
    const record = new LogRecord({ ...options, args });
    args.push("later");
    record.args.push("more");
    assert.deepEqual(record.args, [1, { a: 2 }]);
    assert.notEqual(record.args, record.args);
    const time = record.datetime.getTime();
    assert.ok(time >= before && time <= Date.now());
    record.datetime.setTime(0);
    assert.equal(record.datetime.getTime(), time);
    assert.notEqual(record.datetime, record.datetime);
  });
});

describe("Logger", () => {
  test("name, level, and handlers, none by default", () => {
    const logger = new Logger("test", "WARN");
    assert.equal(logger.loggerName, "test");
    assert.equal(logger.level, 30);
    assert.equal(logger.levelName, "WARN");
    assert.deepEqual(logger.handlers, []);
    assert.equal(logger.critical("without a handler"), "without a handler");
  });

  test("a name that no level has is refused", () => {
    const expected = new Error("Cannot get log level: no level named X");
    assert.throws(() => new Logger("test", "X" as LevelName), expected);
    assert.throws(() => {
      new Logger("test", "INFO").levelName = "X" as LevelName;
    }, expected);
  });

  test("level and levelName can be set, and take effect", () => {
    const { handler, logger } = recorded("ERROR");
    logger.level = LogLevels.DEBUG;
    assert.equal(logger.levelName, "DEBUG");
    logger.debug("a");
    logger.levelName = "CRITICAL";
    assert.equal(logger.level, 50);
    logger.error("b");
    assert.deepEqual(handler.lines, ["DEBUG a"]);
  });

  test("a level that does not exist is a TypeError and changes nothing", () => {
    const { logger } = recorded("ERROR");
    for (const level of [5, -10, NaN]) {
      assert.throws(
        () => logger.level = level as LogLevel,
        new TypeError(`Invalid log level: ${level}`),
      );
    }
    assert.equal(logger.level, 40);
  });

  test("handlers can be changed, and each gets every record", () => {
    const { handler, logger } = recorded();
    const second = new Recorder("NOTSET");
    logger.handlers.push(second);
    logger.info("both");
    logger.handlers = [second];
    logger.info("one");
    assert.deepEqual(handler.lines, ["INFO both"]);
    assert.deepEqual(second.lines, ["INFO both", "INFO one"]);
  });

  for (const method of methods) {
    const levelName = method.toUpperCase() as LevelName;

    test(`${method} logs at its level, with its arguments`, () => {
      const { handler, logger } = recorded(levelName);
      const message = { a: 1 };
      assert.equal(logger[method](message, 1, "two"), message);
      assert.equal(handler.records.length, 1);
      const [record] = handler.records;
      assert.equal(record.levelName, levelName);
      assert.equal(record.level, LogLevels[levelName]);
      assert.equal(record.loggerName, "test");
      assert.equal(record.msg, '{"a":1}');
      assert.deepEqual(record.args, [1, "two"]);
    });

    test(`${method} calls a function once and returns its result`, () => {
      const { handler, logger } = recorded(levelName);
      let calls = 0;
      const result: number | undefined = logger[method](() => ++calls);
      assert.equal(result, 1);
      assert.equal(calls, 1);
      assert.deepEqual(handler.lines, [`${levelName} 1`]);
    });
  }

  test("below the level a function is not called, a message is returned", () => {
    const { handler, logger } = recorded("CRITICAL");
    for (const method of ["debug", "info", "warn", "error"] as const) {
      assert.equal(logger[method](() => assert.fail("called")), undefined);
      assert.equal(logger[method]("message"), "message");
    }
    assert.deepEqual(handler.records, []);
  });
});

describe("the text of a message", () => {
  function textOf(value: unknown): string {
    const { handler, logger } = recorded();
    assert.equal(logger.info(() => value), value);
    return handler.records[0].msg;
  }

  test("strings stay", () => {
    assert.equal(textOf('a "b"\n'), 'a "b"\n');
    assert.equal(textOf(""), "");
  });

  test("primitives by String", () => {
    const primitives = [null, undefined, 1.5, NaN, 10n, true, Symbol("s")];
    assert.deepEqual(primitives.map(textOf), primitives.map(String));
  });

  test("an Error by its stack, by its name and message without one", () => {
    const error = new Error("no");
    assert.ok(error.stack?.includes("no"));
    assert.equal(textOf(error), error.stack);
    const bare = Object.assign(new RangeError("no"), { stack: undefined });
    assert.equal(textOf(bare), "RangeError: no");
  });

  test("objects as JSON-like text", () => {
    const { handler, logger } = recorded();
    logger.info({ payload: "data", other: 123 });
    assert.equal(handler.records[0].msg, '{"payload":"data","other":123}');
    assert.equal(
      textOf({ a: { b: [1, "x", null] }, big: 1n, not: undefined, f: textOf }),
      '{"a":{"b":[1,"x",null]},"big":1,"not":undefined,"f":undefined}',
    );
    assert.equal(textOf([]), "[]");
    assert.equal(textOf({ 'k"': 'v"' }), '{"k\\"":"v\\""}');
  });

  test("a cycle ends; the same object twice is no cycle", () => {
    const loop: Record<string, unknown> = {};
    loop.self = [loop];
    assert.equal(textOf(loop), '{"self":["[Circular]"]}');
    const shared = {};
    assert.equal(textOf([shared, shared]), "[{},{}]");
  });
});
