/**
 * Compares the modules in src/runtime/deno/node with Node's own.
 */
import assert from "node:assert/strict";
import * as nodes from "node:fs";
import { join } from "node:path";
import { temporary } from "../../../support/hooks.ts";

export type Fs = typeof nodes;

/** The content of a file. */
export const TEXT = "text: \u{1F600}, \u00e9\n";

/** What a call gave: its value, or the code of its error. */
export function outcome(action: () => unknown): unknown {
  try {
    return { value: action() };
  } catch (error) {
    return { code: (error as { code?: string }).code };
  }
}

/** The reason for which these tests are skipped; false if they run. */
export const notDeno = "Deno" in globalThis
  ? false
  : "the modules call Deno's API";

/** Asserts that both modules do the same. */
export function same<M>(
  own: M,
  nodes: M,
  name: string,
  action: (module: M) => unknown,
): void {
  const expected = outcome(() => action(nodes));
  assert.deepEqual(outcome(() => action(own)), expected, name);
}

/** Files of all kinds in a new directory. */
function fill(directory: string): void {
  const at = (name: string) => join(directory, name);
  nodes.mkdirSync(at("full/below"), { recursive: true });
  nodes.mkdirSync(at("empty"));
  nodes.writeFileSync(at("file"), TEXT, { mode: 0o640 });
  nodes.writeFileSync(at("full/file"), "");
  nodes.writeFileSync(
    at("bytes"),
    Uint8Array.from({ length: 256 }, (_, i) => i),
  );
  nodes.writeFileSync(at("mark"), "\ufeffa\xff");
  nodes.symlinkSync("file", at("link"));
  nodes.symlinkSync("nothing", at("dangling"));
  nodes.symlinkSync("loop", at("loop"));
}

/** All files below a directory, with their modes and contents. */
function tree(directory: string): string[] {
  return nodes.readdirSync(directory, { recursive: true, encoding: "utf8" })
    .sort().map((name) => {
      const path = join(directory, name);
      const stats = nodes.lstatSync(path);
      const content = stats.isFile() ? nodes.readFileSync(path, "latin1") : "";
      return `${name} ${stats.mode.toString(8)} ${content}`;
    });
}

/** Runs the action with both modules, in directories with the same files. */
export async function both(
  name: string,
  action: (fs: Fs, at: (name: string) => string) => unknown,
): Promise<void> {
  const own = await import("../../../../src/runtime/deno/node/fs.ts");
  const results = [nodes, own as unknown as Fs].map((fs) => {
    const directory = temporary();
    try {
      fill(directory.path);
      const at = (name: string) => join(directory.path, name);
      const result = outcome(() => action(fs, at));
      const text = JSON.stringify(result, plain)
        .replaceAll(directory.path, "DIRECTORY");
      return { result: text, tree: tree(directory.path) };
    } finally {
      directory.remove();
    }
  });
  assert.deepEqual(results[1], results[0], name);
}

/** Bytes as numbers: node:fs returns a Buffer, which JSON shows in another way. */
function plain(this: Record<string, unknown>, key: string, value: unknown) {
  const bytes = this[key];
  if (bytes instanceof Uint8Array) return [...bytes];
  return typeof value === "bigint" ? `${value}n` : value;
}
