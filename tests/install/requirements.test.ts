import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { missingIn } from "../../src/install/requirements.ts";
import { Tree } from "../../src/install/tree.ts";
import { readElf } from "../../src/linux/elf.ts";
import { elfFile, type ElfParts } from "../support/elf_file.ts";
import { contents, installInto, trees } from "./tree.ts";

const { base, tree, remove } = trees();
after(remove);

const MUSL = "/lib/ld-musl-x86_64.so.1";
const GLIBC = "/lib64/ld-linux-x86-64.so.2";

function put(root: string, path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

function binary(parts: ElfParts): string {
  const path = join(base, "binary");
  writeFileSync(path, elfFile(parts));
  return path;
}

/** The binary as the release has it. */
function muslBinary(): string {
  const needed = ["libstdc++.so.6", "libc.musl-x86_64.so.1"];
  return binary({ interpreter: MUSL, needed });
}

/** The warning about the binary; undefined if there is none. */
function warning(root: string, path: string): string | undefined {
  return installInto(root, path).find(({ what, why }) =>
    what === "warning" && why!.includes("needs to start")
  )?.why;
}

describe("the machine of the tree", () => {
  test("must be the machine of the binary; nothing is written otherwise", () => {
    const root = tree("bin -> usr/bin", "usr/lib/systemd/systemd");
    put(root, "usr/bin/busybox", elfFile({ machine: 183 }));
    const before = contents(root);
    const path = muslBinary();
    assert.throws(() => installInto(root, path), {
      message:
        `Cannot install ${path}: it is for x64, and /bin/busybox of the tree is for arm64`,
    });
    assert.deepEqual(contents(root), before);
    put(root, "usr/bin/busybox", elfFile({ machine: 62 }));
    installInto(root, path);
  });
});

describe("the libraries of the tree", () => {
  /** A tree as of Alpine. */
  function alpine(...entries: string[]): string {
    return tree("sbin/apk", MUSL.slice(1), "sbin/openrc-run", ...entries);
  }

  test("of musl: what Alpine's package manager adds", () => {
    const root = alpine();
    assert.equal(
      warning(root, muslBinary()),
      "the tree has no libstdc++.so.6, which /usr/local/bin/lull needs to start: add this library (apk add libstdc++)",
    );
    put(
      root,
      "usr/lib/libstdc++.so.6",
      elfFile({ needed: ["libgcc_s.so.1", "libc.musl-x86_64.so.1"] }),
    );
    assert.match(
      warning(root, muslBinary())!,
      /no libgcc_s.so.1, .*add this library \(apk add libgcc\)$/,
    );
    put(root, "opt/lib/libgcc_s.so.1", elfFile({}));
    put(root, "etc/ld-musl-x86_64.path", "/opt/lib:/usr/lib\n");
    assert.equal(warning(root, muslBinary()), undefined);
  });

  test("of the other C library: which binary to take", () => {
    const glibc = binary({ interpreter: GLIBC, needed: ["libc.so.6"] });
    assert.match(
      warning(alpine(), glibc)!,
      /^the tree has no \/lib64\/ld-linux-x86-64.so.2, .*: install the binary for musl instead$/,
    );
    const debian = tree(`usr${GLIBC}`, "lib64 -> usr/lib64", "usr/bin/dpkg");
    assert.match(
      warning(debian, muslBinary())!,
      /the binary for glibc instead$/,
    );
  });

  test("of glibc: in the directories of Debian, of links and of ld.so.conf", () => {
    const glibc = () =>
      binary({
        interpreter: GLIBC,
        needed: ["libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"],
      });
    const root = tree(
      "usr/lib/x86_64-linux-gnu/libc-2.36.so",
      "usr/lib/x86_64-linux-gnu/libc.so.6 -> libc-2.36.so",
      "usr/lib64/ld-linux-x86-64.so.2 -> /lib/x86_64-linux-gnu/ld.so",
      "usr/lib/x86_64-linux-gnu/ld.so",
      "lib -> usr/lib",
      "lib64 -> usr/lib64",
      "usr/bin/dpkg",
    );
    assert.match(
      warning(root, glibc())!,
      /no libm.so.6, .*\(apt-get install libc6\)$/,
    );
    put(root, "etc/ld.so.conf.d/own.conf", "# ours\n/opt/glibc\n");
    put(root, "opt/glibc/libm.so.6", elfFile({}));
    assert.equal(warning(root, glibc()), undefined);
  });

  test("of this system are all found for the running program", () => {
    const elf = readElf(process.execPath)!;
    assert.equal(missingIn(new Tree("/"), process.execPath, elf), undefined);
  });

  test("behind links that lead out or in a circle are missing", () => {
    const root = alpine(
      `usr/lib/libstdc++.so.6 -> ${"../".repeat(20)}bin/true`,
    );
    assert.match(warning(root, muslBinary())!, /no libstdc/);
    const circle = alpine("usr/lib/libstdc++.so.6 -> libstdc++.so.6");
    assert.match(warning(circle, muslBinary())!, /no libstdc/);
  });

  test("do not matter to a static binary", () => {
    assert.equal(warning(tree(), binary({})), undefined);
  });
});
