import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as log from "@std/log";
import * as baseHandler from "@std/log/base-handler";
import * as consoleHandler from "@std/log/console-handler";
import * as critical from "@std/log/critical";
import * as debug from "@std/log/debug";
import * as error from "@std/log/error";
import * as formatters from "@std/log/formatters";
import * as getLogger from "@std/log/get-logger";
import * as info from "@std/log/info";
import * as levels from "@std/log/levels";
import * as logger from "@std/log/logger";
import * as setup from "@std/log/setup";
import * as warn from "@std/log/warn";
// The types are exports too: this import fails to check without one of them.
import type {
  BaseHandlerOptions,
  ConsoleHandlerOptions,
  FormatterFunction,
  GenericFunction,
  LevelName,
  LogConfig,
  LoggerOptions,
  LogLevel,
  LogRecordOptions,
} from "@std/log";

/** Uses each type, so that the import above is checked and not dropped. */
export type Types = [
  BaseHandlerOptions,
  ConsoleHandlerOptions,
  FormatterFunction,
  GenericFunction,
  LevelName,
  LogConfig,
  LoggerOptions,
  LogLevel,
  LogRecordOptions,
];

const root = fileURLToPath(import.meta.resolve("../../"));
const folder = `${root}src/std_log/`;

function json(path: string) {
  return JSON.parse(readFileSync(path, "utf8"));
}

const subpaths: Record<string, object> = {
  "base-handler": baseHandler,
  "console-handler": consoleHandler,
  critical,
  debug,
  error,
  formatters,
  "get-logger": getLogger,
  info,
  levels,
  logger,
  setup,
  warn,
};

describe("exports", () => {
  test("the module exports this and no more", () => {
    assert.deepEqual(Object.keys(log).sort(), [
      "BaseHandler",
      "ConsoleHandler",
      "LogLevelNames",
      "LogLevels",
      "LogRecord",
      "Logger",
      "LoggerConfig",
      "critical",
      "debug",
      "error",
      "formatters",
      "getLevelByName",
      "getLevelName",
      "getLogger",
      "info",
      "jsonFormatter",
      "setup",
      "warn",
    ]);
  });

  test("the subpaths together export the same things, not copies", () => {
    assert.deepEqual(
      Object.assign({}, ...Object.values(subpaths)),
      { ...log },
    );
  });

  test("every public file is a subpath in kebab case, for both runtimes", () => {
    const files = readdirSync(folder).filter((name) =>
      /^[a-z].*\.ts$/.test(name) && name !== "mod.ts"
    );
    const names = files.map((file) => file.slice(0, -3).replaceAll("_", "-"));
    assert.deepEqual(names.sort(), Object.keys(subpaths).sort());
    const expected = names.map((name) => ({
      name,
      file: `${name.replaceAll("-", "_")}.ts`,
    }));
    const { name, version, exports } = json(`${folder}deno.json`);
    assert.deepEqual([name, version], ["@std/log", "0.224.14"]);
    assert.deepEqual(exports, {
      ".": "./mod.ts",
      ...Object.fromEntries(
        expected.map(({ name, file }) => [`./${name}`, `./${file}`]),
      ),
    });
    const { paths } = json(`${root}tsconfig.json`).compilerOptions;
    assert.deepEqual(paths, {
      "@std/log": ["./src/std_log/mod.ts"],
      ...Object.fromEntries(
        expected.map(({ name, file }) => [
          `@std/log/${name}`,
          [`./src/std_log/${file}`],
        ]),
      ),
    });
  });
});
