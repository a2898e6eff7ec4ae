/**
 * What Deno reads and parses at the start of the bundle, before any of its code runs.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const BUNDLE = fileURLToPath(
  new URL("../../dist/deno/", import.meta.url).href,
);

/** The beginnings of the names of modules that only an option or a request needs. */
const SWITCHED_ON = [
  ...["dialect", "mailbox", "openapi", "ports", "published_set", "version"],
  "connect_vsock",
];

/** A text in the modules of each command that is not `serve`. */
const COMMANDS = {
  install: "restorecon",
  preloads: "sys.meta_path",
  call: "Cannot watch",
  doctor: "Everything that this configuration needs works.",
};

/** Declares the test. */
export function bundleGraph(): void {
  test("the start reads no module of commands and of what is off", () => {
    const { stdout, stderr } = spawnSync(
      "deno",
      ["info", "--json", join(BUNDLE, "main.js")],
      { encoding: "utf8" },
    );
    const { modules } = JSON.parse(stdout) as {
      modules: { readonly specifier: string }[];
    };
    const names = modules.map(({ specifier }) => basename(specifier))
      .filter((name) => name.endsWith(".js"));
    assert.ok(names.includes("main.js"), stderr);
    const all = readdirSync(BUNDLE).filter((name) => name.endsWith(".js"));
    for (const part of SWITCHED_ON) {
      const has = (name: string) => name.startsWith(part);
      assert.ok(all.some(has), part);
      assert.deepEqual(names.filter(has), []);
    }
    for (const [command, text] of Object.entries(COMMANDS)) {
      const has = (name: string) =>
        readFileSync(join(BUNDLE, name), "utf8").includes(text);
      assert.ok(all.some(has), command);
      assert.deepEqual(names.filter(has), [], command);
    }
    const isOfBun = (name: string) =>
      /from"bun:|\bBun\.serve/.test(readFileSync(join(BUNDLE, name), "utf8"));
    assert.ok(all.some(isOfBun));
    assert.deepEqual(names.filter(isOfBun), []);
  });
}
