/**
 * The order of the folders of src: each folder imports only from folders that come
 * after it in the list. A reader who follows an import always goes down.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url).href);

/** The folders of src, from the top to the bottom. */
const ORDER: readonly string[] = [
  "release",
  "agent",
  "warm_up",
  "dialects",
  "cli",
  "client",
  "http",
  "doctor",
  "install",
  "steps",
  "hooks",
  "connections",
  "ports",
  "network",
  "identity",
  "mailbox",
  "evidence",
  "memory",
  "lifecycle",
  "config",
  "log",
  "linux",
  "runtime",
  "std_log",
  "util",
];

/** Folders of which a file may import from outside its own folder only what stands here. */
const ALONE: Readonly<Record<string, readonly string[]>> = {
  runtime: ["util"],
  std_log: [],
  util: [],
};

/** The only file that is directly in src; every folder may import it. */
const VERSION = "src/version.ts";

/** `import … from "./x.ts"`, `export … from "./x.ts"`, `import("./x.ts")`, `import "./x.ts"`. */
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)"/g;

/** The imports of every file of src, by paths from the root of the repository. */
const imports: ReadonlyMap<string, readonly string[]> = new Map(
  readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `src/${name}`)
    .sort()
    .map((file) => [file, importsOf(file)]),
);

function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  return [...text.matchAll(IMPORT)]
    .map(([, path]) => normalize(join(dirname(file), path)));
}

function folderOf(file: string): string {
  return file.split("/")[1];
}

/** Whether a file of one folder may import from the other folder. */
function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  if (ALONE[from] !== undefined) return ALONE[from].includes(to);
  return ORDER.indexOf(from) < ORDER.indexOf(to);
}

/** A chain of imports from the file back to itself; undefined if there is none. */
function loopFrom(start: string): string[] | undefined {
  const seen = new Set<string>();
  function follow(file: string, way: string[]): string[] | undefined {
    for (const next of imports.get(file) ?? []) {
      if (next === start) return [...way, next];
      if (seen.has(next)) continue;
      seen.add(next);
      const found = follow(next, [...way, next]);
      if (found !== undefined) return found;
    }
  }
  return follow(start, [start]);
}

test("version.ts is the only file directly in src", () => {
  const files = [...imports.keys()].filter((file) =>
    file.split("/").length === 2
  );
  assert.deepEqual(files, [VERSION]);
});

test("every folder of src has a place in the order", () => {
  const folders = new Set([...imports.keys()].map(folderOf));
  folders.delete(folderOf(VERSION));
  assert.deepEqual([...folders].sort(), [...ORDER].sort());
});

test("what makes a release is not part of the agent", () => {
  const users = [...imports].filter(([file, paths]) =>
    folderOf(file) !== "release" &&
    paths.some((path) => path.startsWith("src/release/"))
  );
  assert.deepEqual(users, []);
  assert.deepEqual(
    importsOf("main.ts").filter((path) => path.includes("release")),
    [],
  );
});

test("every import leads to a file of src", () => {
  for (const [file, paths] of imports) {
    for (const path of paths) {
      assert.ok(imports.has(path), `${file} imports ${path}`);
    }
  }
});

test("each folder imports only from folders after it", () => {
  const upward = [...imports].flatMap(([file, paths]) =>
    paths
      .filter((path) =>
        path !== VERSION && !mayImport(folderOf(file), folderOf(path))
      )
      .map((path) => `${file} -> ${path}`)
  );
  assert.deepEqual(upward, []);
});

test("files do not import each other in a loop", () => {
  const loops = [...imports.keys()].flatMap((file) => {
    const loop = loopFrom(file);
    return loop === undefined ? [] : [loop.join(" -> ")];
  });
  assert.deepEqual(loops, []);
});
