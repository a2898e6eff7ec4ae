import { afterEach, describe, mock, test } from "node:test";
import assert from "node:assert/strict";
import * as log from "@std/log";
import { ConsoleHandler, getLogger, LoggerConfig, setup } from "@std/log";
import { Recorder } from "./recorder.ts";

afterEach(() => setup({}));

describe("importing the module", () => {
  test("sets up a logger default at INFO with ConsoleHandler(INFO)", () => {
    const { loggerName, levelName, handlers } = getLogger();
    assert.deepEqual([loggerName, levelName], ["default", "INFO"]);
    assert.equal(handlers.length, 1);
    assert.ok(handlers[0] instanceof ConsoleHandler);
    assert.equal(handlers[0].levelName, "INFO");
  });
});

describe("setup", () => {
  test("is done when it returns: loggers with their handlers and levels", () => {
    const [a, b] = [new Recorder("DEBUG"), new Recorder("ERROR")];
    const result: void = setup({
      handlers: { a, b },
      loggers: { mine: { level: "DEBUG", handlers: ["a", "b"] } },
    });
    assert.equal(result, undefined);
    const logger = getLogger("mine");
    assert.equal(logger.levelName, "DEBUG");
    assert.deepEqual(logger.handlers, [a, b]);
    logger.debug("one");
    logger.error("two");
    assert.deepEqual(a.lines, ["DEBUG one", "ERROR two"]);
    assert.deepEqual(b.lines, ["ERROR two"]);
  });

  test("the level of a logger is INFO by default, and it has no handlers", () => {
    setup({ loggers: { mine: new LoggerConfig() } });
    assert.equal(getLogger("mine").levelName, "INFO");
    assert.deepEqual(getLogger("mine").handlers, []);
  });

  test("names of handlers that do not exist are ignored", () => {
    const a = new Recorder("DEBUG");
    setup({
      handlers: { a },
      loggers: { mine: { handlers: ["none", "a", "toString"] } },
    });
    assert.deepEqual(getLogger("mine").handlers, [a]);
  });

  test("merges over the defaults, one level deep", () => {
    const [standard] = getLogger().handlers;
    const a = new Recorder("DEBUG");
    setup({ handlers: { a }, loggers: { mine: { handlers: ["default"] } } });
    assert.equal(getLogger().levelName, "INFO");
    assert.deepEqual(getLogger().handlers, [standard]);
    assert.deepEqual(getLogger("mine").handlers, [standard]);
    // A logger of the same name takes the default's place as a whole.
    setup({ loggers: { default: { level: "ERROR" } } });
    assert.equal(getLogger().levelName, "ERROR");
    assert.deepEqual(getLogger().handlers, []);
    // And the one before is forgotten: over the defaults, not over the last.
    setup({});
    assert.equal(getLogger().levelName, "INFO");
    // A handler named default serves the default logger.
    setup({ handlers: { default: a } });
    assert.deepEqual(getLogger().handlers, [a]);
  });

  test("destroys the old handlers and sets up the new ones", () => {
    const [a, b] = [new Recorder("DEBUG"), new Recorder("DEBUG")];
    setup({ handlers: { a } });
    assert.deepEqual(a.events, ["setup"]);
    setup({ handlers: { b } });
    assert.deepEqual(a.events, ["setup", "destroy"]);
    assert.deepEqual(b.events, ["setup"]);
    setup({ handlers: { b } });
    assert.deepEqual(a.events, ["setup", "destroy"]);
    assert.deepEqual(b.events, ["setup", "destroy", "setup"]);
  });

  test("rebuilds the loggers, those that getLogger made too", () => {
    const [standard, other] = [getLogger(), getLogger("other")];
    setup({ loggers: { other: { level: "WARN" } } });
    assert.notEqual(getLogger(), standard);
    assert.notEqual(getLogger("other"), other);
    assert.equal(getLogger("other").levelName, "WARN");
    const made = getLogger("made");
    setup({});
    assert.notEqual(getLogger("made"), made);
  });
});

describe("getLogger", () => {
  test("no name, or an empty one, gives default", () => {
    assert.equal(getLogger().loggerName, "default");
    assert.equal(getLogger(""), getLogger("default"));
    assert.equal(getLogger(), getLogger("default"));
  });

  test("an unknown name gives a cached NOTSET logger without handlers", () => {
    const logger = getLogger("unknown");
    assert.deepEqual(
      [logger.loggerName, logger.levelName, logger.handlers],
      ["unknown", "NOTSET", []],
    );
    assert.equal(getLogger("unknown"), logger);
    assert.notEqual(getLogger("unknown too"), logger);
  });
});

describe("debug, info, warn, error, critical", () => {
  for (const name of ["debug", "info", "warn", "error", "critical"] as const) {
    test(`${name} logs through the default logger`, () => {
      const a = new Recorder("NOTSET");
      setup({
        handlers: { a },
        loggers: { default: { level: "DEBUG", handlers: ["a"] } },
      });
      const message: string = log[name]("message", 1, 2);
      const result: number | undefined = log[name](() => 7, 8);
      assert.deepEqual([message, result], ["message", 7]);
      assert.deepEqual(
        a.lines,
        ["message", "7"].map((text) => `${name.toUpperCase()} ${text}`),
      );
      assert.deepEqual(a.records.map(({ args }) => args), [[1, 2], [8]]);
    });
  }

  test("below the level a function is not called, a message is returned", () => {
    const call = mock.fn(() => "no");
    assert.equal(log.debug(call), undefined);
    assert.equal(log.debug("yes"), "yes");
    assert.equal(call.mock.callCount(), 0);
  });
});
