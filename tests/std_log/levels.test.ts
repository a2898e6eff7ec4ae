import { describe, test } from "node:test";
import assert from "node:assert/strict";
import {
  getLevelByName,
  getLevelName,
  type LevelName,
  type LogLevel,
  LogLevelNames,
  LogLevels,
} from "@std/log";

describe("levels", () => {
  test("names and numbers", () => {
    assert.deepEqual({ ...LogLevels }, {
      NOTSET: 0,
      DEBUG: 10,
      INFO: 20,
      WARN: 30,
      ERROR: 40,
      CRITICAL: 50,
    });
    assert.deepEqual(LogLevelNames, Object.keys(LogLevels));
  });

  test("from name to number and back", () => {
    for (const name of LogLevelNames) {
      assert.equal(getLevelByName(name), LogLevels[name]);
      assert.equal(getLevelName(LogLevels[name]), name);
    }
  });

  test("getLevelByName throws for what no level is named", () => {
    for (const name of ["X", "info", "toString"]) {
      assert.throws(
        () => getLevelByName(name as LevelName),
        new Error(`Cannot get log level: no level named ${name}`),
      );
    }
  });

  test("getLevelName throws for a number that no level has", () => {
    for (const level of [11, -1, NaN]) {
      assert.throws(
        () => getLevelName(level as LogLevel),
        new Error(`Cannot get log level: no name for level: ${level}`),
      );
    }
  });
});
