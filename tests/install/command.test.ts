import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runLull } from "../support/cli.ts";
import { BINARY, contents, installInto, program, trees } from "./tree.ts";

const { tree, remove } = trees();
after(remove);

const isRoot = process.getuid?.() === 0;

describe("the command", () => {
  test("says what it did, and ends in 0", () => {
    const root = tree("usr/lib/systemd/systemd");
    const first = runLull(["install", "--root", root, "--binary", program]);
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /^written {4}\/usr\/local\/bin\/lull$/m);
    const second = runLull(["install", `--root=${root}`, "--binary", program]);
    assert.doesNotMatch(second.stdout, /^written/m);
  });

  test("never takes the runtime for Lull", () => {
    const root = tree();
    const { code, stdout, stderr } = runLull(["install", "--root", root]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^lull: Cannot install \/.*: it is the runtime that runs .* --binary FILE\n$/,
    );
    assert.equal(stdout, "");
    assert.deepEqual(contents(root), []);
  });

  test("ends in 1 and one sentence where it cannot", () => {
    const root = tree();
    const script = join(root, "script");
    writeFileSync(script, "#!/bin/sh\n");
    for (
      const [into, binary, why] of [
        ["/none/such", program, "Cannot install into /none/such: ENOENT"],
        [
          script,
          program,
          `Cannot install into ${script}: the path is not a directory`,
        ],
        [root, "/none", "Cannot install /none: ENOENT"],
        [
          root,
          root,
          `Cannot install ${root}: the file is not a compiled program`,
        ],
        [
          root,
          script,
          `Cannot install ${script}: the file is not a compiled program`,
        ],
      ]
    ) {
      assert.throws(() => installInto(into, binary), { message: why });
    }
    const args = ["install", `--root=${root}`, `--binary=${script}`];
    const { code, stdout, stderr } = runLull(args);
    const why = `Cannot install ${script}: the file is not a compiled program`;
    assert.deepEqual([code, stdout, stderr], [1, "", `lull: ${why}\n`]);
    assert.deepEqual(readdirSync(root), ["script"]);
  });

  test("leaves the old binary whole where the disk is full", {
    skip: isRoot ? false : "only root may mount a small disk",
  }, () => {
    const root = tree(BINARY);
    const mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none"];
    const full = runLull(
      ["install", "--root", root, "--binary", process.execPath],
      {
        before: [
          "unshare",
          "--mount",
          "sh",
          "-euc",
          `${mount.join(" ")} "$0"; mkdir -p "$0/usr/local/bin"
           echo old > "$0/${BINARY}"
           code=0; "$@" || code=$?
           ls -A "$0/usr/local/bin"; cat "$0/${BINARY}"; exit $code`,
          root,
        ],
      },
    );
    assert.equal(full.code, 1);
    assert.equal(full.stdout, "lull\nold\n");
    assert.match(
      full.stderr,
      /^lull: Cannot write \/.*\/usr\/local\/bin\/lull: ENOSPC\n$/,
    );
  });

  const built = fileURLToPath(new URL("../../dist/lull", import.meta.url).href);
  test("the binary installs itself, and the copy runs", {
    skip: existsSync(built) ? false : "no dist/lull: run make build first",
  }, () => {
    const root = tree();
    const run = (path: string, ...args: string[]) =>
      spawnSync(path, args, { encoding: "utf8", timeout: 30_000 });
    const first = run(built, "install", "--root", root);
    assert.equal(first.status, 0, first.stderr);
    const copy = join(root, BINARY);
    const { stdout } = run(copy, "--version");
    assert.match(stdout, /^\d+\.\d+\.\d+/);
    assert.equal(stdout, run(built, "--version").stdout);
    const itself = run(copy, "install", "--root", root);
    assert.match(itself.stdout, /^unchanged {2}\/usr\/local\/bin\/lull$/m);
  });
});
