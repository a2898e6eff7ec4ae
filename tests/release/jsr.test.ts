/**
 * What deno.json publishes on JSR: the client, and exactly the files that it imports.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { VERSION } from "../../src/version.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url).href);
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g;

const config: {
  readonly version: string;
  readonly exports: string;
  readonly publish: { readonly include: readonly string[] };
} = JSON.parse(readFileSync(join(ROOT, "deno.json"), "utf8"));

/** The file, and all that it imports, also from other files. */
function closureOf(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(join(ROOT, file), "utf8");
  for (const [, target] of text.matchAll(IMPORT)) {
    if (target.startsWith("node:")) continue;
    assert.match(target, /^\./, `${file} imports a package, ${target}`);
    closureOf(normalize(join(dirname(file), target)), found);
  }
  return found;
}

test("the version on JSR is that of the agent", () => {
  assert.equal(config.version, VERSION);
});

test("JSR gets the client and what it imports, and no other source", () => {
  const published = config.publish.include.flatMap((path) =>
    statSync(join(ROOT, path)).isDirectory()
      ? readdirSync(join(ROOT, path)).map((name) => `${path}/${name}`)
      : [path]
  ).filter((path) => path.endsWith(".ts"));
  assert.deepEqual(
    published.sort(),
    [...closureOf(normalize(config.exports))].sort(),
  );
});
