import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ConfigError, parseConfig } from "../../src/config/mod.ts";
import { configSchema } from "../../src/config/schema.ts";
import { anyText, jsonWith } from "./arbitraries.ts";

const KEYS = Object.keys(configSchema.entries);
const KEBAB = KEYS.map((key) => key.replace(/[A-Z]/g, "-$&").toLowerCase());

/** The message must be a sentence for the user, whatever was wrong. */
function parses(
  args: string[],
  env: Record<string, string>,
  file: string | undefined,
): void {
  try {
    const parsed = parseConfig(args, env, () => {
      if (file !== undefined) return file;
      throw Object.assign(new Error("none"), { code: "ENOENT" });
    });
    if (parsed.kind === "serve") {
      assert.deepEqual(Object.keys(parsed.config).sort(), KEYS.toSorted());
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    assert.match(error.message, /^Cannot (use|read|run) /);
  }
}

const none = fc.constant(undefined);

describe("the configuration", () => {
  test("any command line is taken or refused in words", () => {
    const flag = fc.tuple(fc.constantFrom(...KEBAB), anyText).map((
      [name, value],
    ) => `--${name}=${value}`);
    const words = fc.array(
      fc.oneof(
        flag,
        anyText,
        fc.constantFrom(
          ...KEBAB.map((name) => `--${name}`),
          ...KEBAB.map((name) => `--no-${name}`),
          ...["--", "-", "-h", "--config", "--version", "serve", "doctor"],
        ),
      ),
      { maxLength: 6 },
    );
    fc.assert(fc.property(words, (args) => parses(args, {}, undefined)));
  });

  test("any environment is taken or refused in words", () => {
    const name = fc.oneof(
      fc.constantFrom(
        ...KEBAB.map((key) => `LULL_${key.replaceAll("-", "_").toUpperCase()}`),
      ),
      fc.string().map((text) => `LULL_${text}`),
    );
    const env = fc.dictionary(name, anyText, { maxKeys: 4 });
    fc.assert(fc.property(env, (env) => parses([], env, undefined)));
  });

  test("any file is taken or refused in words", () => {
    const file = fc.oneof(
      none,
      anyText,
      jsonWith(...KEYS, "__proto__", "constructor").map((value) =>
        JSON.stringify(value) ?? ""
      ),
    );
    fc.assert(fc.property(file, (file) => parses([], {}, file)));
  });

  test("a value that is taken is the value that was written", () => {
    fc.assert(fc.property(fc.integer(), fc.integer(), (port, lease) => {
      try {
        const parsed = parseConfig(
          [`--port=${port}`],
          { LULL_LEASE: String(lease) },
          () => "{}",
        );
        assert.ok(parsed.kind === "serve");
        assert.equal(parsed.config.port, port);
        assert.equal(parsed.config.lease, lease);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        const right = port >= 0 && port <= 65_535 && lease >= 1 &&
          lease <= 86_400;
        assert.ok(!right, error.message);
      }
    }));
  });
});
