import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url).href);
const BUNDLE = join(ROOT, "dist/deno");
const skip = existsSync(join(BUNDLE, "main.js"))
  ? false
  : "there is no bundle: run make build first";

/** The texts of all modules below a folder of src, by their paths. */
function sources(folder: string): Map<string, string> {
  const names = readdirSync(join(ROOT, "src", folder), { recursive: true });
  return new Map(
    names.map(String).filter((name) => name.endsWith(".ts")).map((name) => [
      join(folder, name),
      readFileSync(join(ROOT, "src", folder, name), "utf8"),
    ]),
  );
}

/** The string literals of a module, without its comments: a bundle keeps them as they are. */
function literals(text: string): string[] {
  const code = text.replace(/\/\*[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  return [...code.matchAll(/(?<!from |import\()"([^"\\\n]{8,})"/g)]
    .map(([, literal]) => literal);
}

/** The files of the bundle that an import in the text names. */
function importsOf(text: string): string[] {
  return [
    ...text.matchAll(/(?:from|import|import\((?:String\()?)\s*"\.\/([^"]+)"/g),
  ]
    .map(([, file]) => file);
}

/** The chunks that `main.js` can reach without the chunks that match. */
function reachable(without: RegExp): Map<string, string> {
  const found = new Map<string, string>();
  const todo = ["main.js"];
  for (let file = todo.pop(); file !== undefined; file = todo.pop()) {
    if (found.has(file) || without.test(file)) continue;
    const text = readFileSync(join(BUNDLE, file), "utf8");
    found.set(file, text);
    todo.push(...importsOf(text));
  }
  return found;
}

test(
  `the bundle has the code of dialects only behind the import of agent/dialects.ts${
    skip ? `: ${skip}` : ""
  }`,
  { skip },
  () => {
    const others = [...sources("")]
      .filter(([path]) => !path.startsWith("dialects/"))
      .map(([, text]) => text).join("\n");
    const all = [...reachable(/^$/).values()].join("\n");
    const chunks = reachable(/^dialects-/);
    assert.ok(chunks.size > 20, `${chunks.size} chunks`);
    let checked = 0;
    for (const [path, text] of sources("dialects")) {
      const own = literals(text).filter((one) => !others.includes(one))
        .filter((one) => all.includes(one));
      checked += own.length;
      for (const [chunk, content] of chunks) {
        const found = own.filter((one) => content.includes(one));
        assert.deepEqual(found, [], `${path} is in ${chunk}`);
      }
    }
    // Each of the dialects has many texts of its own.
    assert.ok(checked > 100, `${checked} literals`);
  },
);
