/**
 * What Lull imports of the modules that the bundle has in the place of Node's.
 */
import assert from "node:assert/strict";
import * as nodes from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { notDeno } from "./parity.ts";

const SOURCES = fileURLToPath(new URL("../../../../src", import.meta.url).href);
/** What the bundle for Deno does not have. */
const ABSENT = /^(?:release|runtime\/deno\/node|install\/preload)\//;

/** The texts of all files that are in the bundle. */
function texts(): string[] {
  return nodes.readdirSync(SOURCES, { recursive: true }).map(String)
    .filter((path) => path.endsWith(".ts") && !ABSENT.test(path))
    .map((path) => nodes.readFileSync(join(SOURCES, path), "utf8"));
}

test("each constant of node:fs that Lull uses is known, and has its value", {
  skip: notDeno,
}, async () => {
  const own = await import("../../../../src/runtime/deno/node/fs.ts");
  const used = new Set<string>();
  for (const text of texts()) {
    if (!/\bconstants\b[^;]*from "node:fs"/.test(text)) continue;
    for (const [, name] of text.matchAll(/\bconstants\.(\w+)/g)) used.add(name);
    for (const [, list] of text.matchAll(/\{([\w\s,]+)\} = constants\b/g)) {
      for (const name of list.match(/\w+/g) ?? []) used.add(name);
    }
  }
  assert.ok(used.size > 5, "the search finds nothing");
  const values = (constants: object) => {
    const all = new Map(Object.entries(constants));
    return [...used].sort().map((name) => `${name} ${all.get(name)}`);
  };
  assert.deepEqual(values(own.constants), values(nodes.constants));
});
