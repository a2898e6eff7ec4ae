import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { temporary } from "../../support/hooks.ts";
import { OUT, ROOT, run } from "./artefacts.ts";

const directory = temporary();
after(directory.remove);

/** Copies the sources to another folder, and builds a binary there. */
function buildIn(folder: string, target: string): Uint8Array {
  const at = join(directory.path, folder);
  mkdirSync(join(at, ".tools"), { recursive: true });
  for (
    const name of [
      ...["main.ts", "src", "node_modules", "Makefile", "deno.json"],
      ...["deno.lock", "tsconfig.json"],
    ]
  ) {
    cpSync(join(ROOT, name), join(at, name), {
      recursive: true,
      verbatimSymlinks: true,
    });
  }
  symlinkSync(join(ROOT, ".tools/bin"), join(at, ".tools/bin"));
  symlinkSync(join(ROOT, ".cache"), join(at, ".cache"));
  const binary = `dist/stage/${target}/lull`;
  run("make", "--silent", "-C", at, binary);
  return readFileSync(join(at, binary));
}

function assertSameBytes(one: Uint8Array, other: Uint8Array, what: string) {
  assert.ok(Buffer.compare(one, other) === 0, `${what} differs`);
}

describe("the same sources", () => {
  for (const target of ["linux-x64", "linux-arm64-musl"]) {
    test(`make the same binary in other folders, for ${target}`, () => {
      const released = readFileSync(join(OUT, `lull-${target}`));
      assertSameBytes(buildIn(`a-${target}`, target), released, "one build");
      const deeper = join("b/c/d", target);
      assertSameBytes(buildIn(deeper, target), released, "the deeper build");
    });
  }

  test("make the same packages and archives in another folder", () => {
    const stage = join(directory.path, "stage");
    const out = join(directory.path, "out");
    const targets = ["linux-x64", "linux-x64-musl"];
    for (const target of targets) {
      mkdirSync(join(stage, target), { recursive: true });
      copyFileSync(join(OUT, `lull-${target}`), join(stage, target, "lull"));
    }
    // The umask, the number of CPUs and the current directory do not matter.
    run(
      "sh",
      "-c",
      'umask 077; export GOMAXPROCS=1; cd /; exec bun run "$@"',
      "sh",
      ...[join(ROOT, "src/release/main.ts"), stage, out, ...targets],
    );
    const made = readdirSync(out).filter((name) => name !== "SHA256SUMS");
    assert.equal(made.length, 9);
    for (const name of made) {
      assertSameBytes(
        readFileSync(join(out, name)),
        readFileSync(join(OUT, name)),
        name,
      );
    }
  });
});
