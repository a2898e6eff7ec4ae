import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HookInfo } from "../../src/hooks/program.ts";
import { HookRegistry, MOST_PROGRAMS } from "../../src/hooks/registry.ts";
import { served } from "./asking.ts";

const { ask, server } = served();

describe("registering for requests", () => {
  const entry = { name: "db", url: "http://127.0.0.1:1/x", policy: "continue" };

  test("creates, replaces, lists, removes", async () => {
    assert.equal((await ask("POST", "/hooks", entry)).status, 201);
    const again = await ask("POST", "/hooks", { ...entry, limitMs: 50 });
    assert.equal(again.status, 200);
    const { hooks } = (await ask("GET", "/hooks")).json();
    assert.deepEqual(hooks, [{
      name: "db",
      kind: "request",
      url: entry.url,
      limitMs: 50,
      policy: "continue",
      source: "program",
    }]);
    assert.equal((await ask("DELETE", "/hooks/db")).status, 204);
    const gone = await ask("DELETE", "/hooks/db");
    assert.equal(gone.status, 404);
    assert.equal(gone.type, "application/problem+json");
    assert.equal(gone.json().type, "urn:lull:problem:unknown-hook");
  });

  test("a wrong entry is refused with the path, and never echoed", async () => {
    for (
      const [body, path, expected] of [
        [{ ...entry, url: "http://example.com/" }, "url", /loopback/],
        [{ ...entry, name: "a/b" }, "name", /letters/],
        [{ ...entry, limitMs: 0 }, "limitMs", /^a whole number from 1 to/],
        [{ ...entry, limitMs: "5" }, "limitMs", /^a whole number from 1 to/],
        [{ ...entry, policy: "maybe" }, "policy", /^abort or continue$/],
        [
          { ...entry, extra: "secret" },
          "",
          /^no fields but name, url, limitMs, policy$/,
        ],
        [{ url: entry.url }, "name", /^a value$/],
        [{ name: "db" }, "url", /^a value$/],
        ["[]", "", /^a JSON object$/],
        ["{", "", /./],
        // Bytes that are no UTF-8: two names must not become the same.
        [
          Uint8Array.from(
            JSON.stringify({ ...entry, url: `${entry.url}\xff` }),
            (char) => char.charCodeAt(0),
          ),
          "",
          /./,
        ],
      ] as const
    ) {
      const refused = await ask("POST", "/hooks", body);
      assert.equal(refused.status, 400, JSON.stringify(body));
      const [error] = refused.json().errors;
      assert.equal(error.path, path, refused.text);
      assert.match(error.expected, expected);
      assert.doesNotMatch(refused.text, /secret|extra|example|maybe/);
    }
    assert.deepEqual((await ask("GET", "/hooks")).json().hooks, []);
  });

  test("too large, unknown and wrong methods are problems", async () => {
    const large = await ask("POST", "/hooks", " ".repeat(20_000));
    assert.equal(large.status, 413);
    assert.equal((await ask("GET", "/nothing")).status, 404);
    const wrong = await ask("PUT", "/hooks", entry);
    assert.deepEqual([wrong.status, wrong.allow], [405, "GET, POST"]);
    assert.equal((await ask("POST", "/hooks/events/no/ack")).status, 404);
    assert.deepEqual(server().errors, []);
  });

  test("there is an end to how many take part", () => {
    const registry = new HookRegistry({ limitMs: 9, newId: () => "id" });
    const add = (name: string) =>
      registry.register({ name, url: entry.url, policy: "abort" });
    for (let i = 0; i < MOST_PROGRAMS; i++) {
      assert.equal(add(`p${i}`), "created");
    }
    assert.equal(add("one-more"), "full");
    assert.equal(add("p0"), "replaced");
  });

  test("entries of the configuration stay", () => {
    const make = (fixed: unknown[]) =>
      new HookRegistry({ limitMs: 9, newId: () => "id", fixed });
    const registry = make([entry]);
    const listed: HookInfo = {
      name: "db",
      kind: "request",
      url: entry.url,
      limitMs: 9,
      policy: "continue",
      source: "config",
    };
    assert.deepEqual(registry.list(), [listed]);
    assert.equal(registry.remove("db"), "taken");
    assert.equal(
      registry.register({ name: "db", url: entry.url, policy: "abort" }),
      "taken",
    );
    const wrong: [Record<string, unknown>, RegExp][] = [
      [{ ...entry, url: "http://h/" }, /: url: expected http:\/\/ and a loop/],
      [{ name: "db" }, /: url: expected a value$/],
      [{ ...entry, extra: 1 }, /: expected no fields but name, url, limitMs, /],
      [{ ...entry, policy: 1 }, /: policy: expected abort or continue$/],
      [{ ...entry, limitMs: "5" }, /: limitMs: expected a whole number from 1/],
    ];
    for (const [hook, message] of wrong) {
      assert.throws(() => make([hook]), { name: "ConfigError", message });
    }
    assert.throws(() => make([entry, entry]), /two entries have this name/);
  });
});
