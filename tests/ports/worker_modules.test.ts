/**
 * What the forwarder's worker loads on Deno. A recovery waits for the worker, and Deno takes 25 ms of
 * CPU time to set up Node's modules in a thread: as much as everything else that the worker does.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url).href);
const WORKER = "src/ports/forwarder_worker.ts";

/** Loaded on Bun, or for the first UDP port. */
const LOADED_ELSEWHERE = /^src\/(ports\/relay|runtime)\/bun\/|\/udp\.ts$/;

/** An import or export of values, or an import at run time. */
const IMPORT =
  /^(?:import|export)\s+(?!type\b)(?:[^;"]*?\bfrom\s+)?"([^"]+)"|\bimport\("([^"]+)"\)/gm;

/** Whether the code reads the global `process`, which sets up Node's modules, too. */
const READS_PROCESS = /(?<!globalThis\.)\bprocess\.\w/;

/** The modules that a module of src loads, by paths from the root, or by names. */
function modulesOf(file: string, code: string): string[] {
  return [...code.matchAll(IMPORT)].map(([, still, dynamic]) => {
    const name = still ?? dynamic;
    return name.startsWith(".") ? normalize(join(dirname(file), name)) : name;
  });
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
}

/** Everything that the worker loads, and what is wrong with it. */
function look(): { readonly files: Set<string>; readonly wrong: string[] } {
  const files = new Set<string>();
  const wrong: string[] = [];
  const follow = (file: string) => {
    if (files.has(file) || LOADED_ELSEWHERE.test(file)) return;
    files.add(file);
    const code = withoutComments(readFileSync(join(ROOT, file), "utf8"));
    if (READS_PROCESS.test(code)) wrong.push(`${file} reads process`);
    for (const module of modulesOf(file, code)) {
      if (module.startsWith("src/")) follow(module);
      else wrong.push(`${file} loads ${module}`);
    }
  };
  follow(WORKER);
  return { files, wrong };
}

test("the forwarder's worker loads no module of Node on Deno", () => {
  const { files, wrong } = look();
  assert.ok(files.has("src/ports/relay/deno/relay.ts"), [...files].join());
  assert.ok(files.has("src/linux/libc.ts"), [...files].join());
  assert.deepEqual(wrong, []);
});
