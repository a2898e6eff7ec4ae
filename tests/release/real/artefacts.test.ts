import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { zstdDecompressSync } from "node:zlib";
import { readElf } from "../../../src/linux/elf.ts";
import { targets } from "../../../src/release/targets.ts";
import { VERSION } from "../../../src/version.ts";
import { OUT, run } from "./artefacts.ts";
import { PackageTree, withoutShell } from "./tree.ts";

describe("the release", () => {
  test("has checksums of all artefacts that sha256sum confirms", () => {
    const sums = readFileSync(join(OUT, "SHA256SUMS"), "utf8");
    assert.equal(sums.trim().split("\n").length, 16);
    run("sh", "-c", `cd "$0" && sha256sum --check --quiet SHA256SUMS`, OUT);
  });

  test("has each binary for the machine and the C library of its name", () => {
    for (const { name, arch, libc } of targets) {
      const elf = readElf(join(OUT, `lull-${name}`))!;
      assert.equal(elf.machine, { amd64: 62, arm64: 183 }[arch]);
      assert.equal(elf.interpreter!.includes("musl"), libc === "musl", name);
    }
  });

  test("has archives that hold a tree to unpack into a guest", () => {
    for (const { name, services } of targets) {
      const archive = join(OUT, `lull-${VERSION}-${name}.tar.zst`);
      const list = listOf(zstdDecompressSync(readFileSync(archive)));
      const path = services === "systemd"
        ? "./usr/lib/systemd/system/lull.service"
        : "./etc/init.d/lull";
      for (const one of ["./usr/bin/lull", "./etc/lull/hooks.d/", path]) {
        assert.ok(list.includes(one), `${one} in ${list}`);
      }
    }
  });

  test("installs its own binary into a tree", { skip: withoutShell }, () => {
    using tree = new PackageTree();
    const binary = join(
      OUT,
      process.arch === "arm64" ? "lull-linux-arm64" : "lull-linux-x64",
    );
    const stdout = run(binary, "install", "--root", tree.root);
    assert.match(stdout, /^written +\/usr\/local\/bin\/lull$/m);
    assert.match(stdout, /^warning +the tree has no \/lib.*ld-linux/m);
    run(binary, "install", "--root", tree.root, "--uninstall");
    assert.deepEqual(tree.named("lull"), []);
    const other = process.arch === "arm64"
      ? "lull-linux-x64"
      : "lull-linux-arm64";
    assert.throws(
      () =>
        run(
          binary,
          "install",
          "--root",
          tree.root,
          "--binary",
          join(OUT, other),
        ),
      /it is for (arm64|x64), and \/bin\/sh of the tree is for/,
    );
  });
});

/** The names in a ustar archive. */
function listOf(tar: Uint8Array): string[] {
  const text = (at: number, length: number) =>
    new TextDecoder().decode(tar.subarray(at, at + length)).replace(
      /\0.*$/s,
      "",
    );
  const names: string[] = [];
  for (let at = 0; tar[at] !== 0;) {
    names.push(text(at, 100));
    const size = parseInt(text(at + 124, 12), 8);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return names;
}
