import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { lstatSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { readElf } from "../../../src/linux/elf.ts";
import { VERSION } from "../../../src/version.ts";
import { temporary } from "../../support/hooks.ts";
import { unitProblems, withoutSystemd } from "../../support/systemd.ts";
import { debArchitecture, packages, run, withoutManager } from "./artefacts.ts";
import { PackageTree, withoutShell } from "./tree.ts";

const CONFIG = "/etc/lull/config.json";
const UNIT = "/usr/lib/systemd/system/lull.service";

/** What every package for systemd has. */
function assertInstalled(tree: PackageTree): void {
  assert.equal(run(tree.at("/usr/bin/lull"), "--version"), `${VERSION}\n`);
  assert.equal(tree.read(CONFIG), "{}\n");
  assert.ok(statSync(tree.at("/etc/lull/hooks.d")).isDirectory());
  assert.match(tree.read(UNIT), /^ExecStart=\/usr\/bin\/lull$/m);
  assert.equal(
    tree.read("/usr/lib/systemd/system-preset/50-lull.preset"),
    "enable lull.service\n",
  );
  for (
    const [path, mode] of [
      ["/usr/bin/lull", 0o755],
      ["/etc/lull/hooks.d", 0o755],
      [CONFIG, 0o644],
      [UNIT, 0o644],
      ["/usr/lib/lull/preload/lull_random.py", 0o644],
      ["/usr/lib/lull/preload/lull_random.cjs", 0o644],
      ["/usr/share/man/man8/lull.8.gz", 0o644],
      ["/usr/share/bash-completion/completions/lull", 0o644],
      ["/usr/share/fish/vendor_completions.d/lull.fish", 0o644],
    ] as const
  ) {
    const { uid, gid, mode: found } = lstatSync(tree.at(path));
    assert.deepEqual([path, uid, gid, found & 0o7777], [path, 0, 0, mode]);
  }
  if (!withoutSystemd) assert.deepEqual(unitProblems(tree.at(UNIT)), []);
}

describe(
  "the deb package",
  { skip: withoutManager("dpkg") || withoutShell },
  () => {
    const dpkg = (tree: PackageTree, ...args: string[]) =>
      run("dpkg", `--root=${tree.root}`, ...args);

    /** A tree in which dpkg knows a C library of this version. */
    function debian(libc: string): PackageTree {
      const tree = new PackageTree("systemctl");
      for (const name of ["info", "updates", "triggers"]) {
        tree.write(`/var/lib/dpkg/${name}/.keep`, "");
      }
      tree.write(
        "/var/lib/dpkg/status",
        `Package: libc6\nStatus: install ok installed\nMaintainer: none\nArchitecture: ${debArchitecture}\nVersion: ${libc}\nDescription: none\n\n`,
      );
      return tree;
    }

    test("is installed, updated, removed and purged by dpkg", () => {
      using tree = debian("2.36-9");
      dpkg(tree, "--install", packages.deb);
      assertInstalled(tree);
      assert.ok(tree.has("/usr/share/zsh/vendor-completions/_lull"));
      assert.deepEqual(tree.calls(), ["systemctl preset lull.service"]);
      assert.equal(dpkg(tree, "--verify", "lull"), "");

      // As `systemctl preset` would have done
      const link = "/etc/systemd/system/multi-user.target.wants/lull.service";
      tree.write(link, "");
      tree.write(CONFIG, '{"lease": 60}\n');
      dpkg(tree, "--install", packages.deb);
      assert.equal(tree.read(CONFIG), '{"lease": 60}\n');
      assert.deepEqual(tree.calls(), []);

      dpkg(tree, "--remove", "lull");
      assert.ok(!tree.has("/usr/bin/lull"));
      assert.ok(!tree.has("/etc/lull/hooks.d"));
      assert.equal(tree.read(CONFIG), '{"lease": 60}\n');
      assert.ok(tree.has(link));
      dpkg(tree, "--purge", "lull");
      assert.deepEqual(tree.named("lull"), []);
    });

    test("needs glibc 2.17", () => {
      using tree = debian("2.13-38");
      assert.throws(
        () => dpkg(tree, "--install", packages.deb),
        /lull depends on libc6 \(>= 2.17\)/,
      );
    });
  },
);

describe(
  "the rpm package",
  { skip: withoutManager("rpm") || withoutShell },
  () => {
    const rpm = (tree: PackageTree, ...args: string[]) =>
      run("rpm", "--root", tree.root, ...args);

    test("is installed and removed by rpm; a changed config is saved", () => {
      using tree = new PackageTree("systemctl");
      rpm(tree, "--initdb");
      assert.throws(
        () => rpm(tree, "--install", packages.rpm),
        /glibc >= 2.17 is needed by lull/,
      );
      rpm(tree, "--install", "--nodeps", packages.rpm);
      assertInstalled(tree);
      assert.ok(tree.has("/usr/share/zsh/site-functions/_lull"));
      assert.deepEqual(tree.calls(), ["systemctl preset lull.service"]);
      assert.equal(rpm(tree, "--verify", "--nodeps", "lull"), "");

      tree.write(CONFIG, '{"lease": 60}\n');
      rpm(tree, "--erase", "lull");
      assert.deepEqual(tree.calls(), ["systemctl disable lull.service"]);
      assert.deepEqual(tree.named("lull"), [
        "etc/lull",
        "etc/lull/config.json.rpmsave",
      ]);
    });
  },
);

describe("the apk package", () => {
  test("has the musl binary, the OpenRC script and what it depends on", () => {
    const directory = temporary();
    try {
      // An apk consists of two gzip streams: control and data.
      run(
        "tar",
        "-C",
        directory.path,
        "--warning=no-unknown-keyword",
        "-xzf",
        packages.apk,
      );
      const at = (path: string) => join(directory.path, path);
      const { interpreter } = readElf(at("usr/bin/lull"))!;
      assert.match(interpreter!, /^\/lib\/ld-musl-/);
      assert.match(
        readFileSync(at("etc/init.d/lull"), "utf8"),
        /^command="\/usr\/bin\/lull"$/m,
      );
      assert.equal(statSync(at("etc/init.d/lull")).mode & 0o777, 0o755);
      assert.ok(statSync(at("etc/lull/hooks.d")).isDirectory());
      const info = readFileSync(at(".PKGINFO"), "utf8").split("\n");
      assert.ok(info.includes(`pkgver = ${VERSION}-r0`), `${info}`);
      assert.ok(info.includes("depend = libstdc++"), `${info}`);
      const hash = info.find((line) => line.startsWith("datahash = "));
      assert.equal(hash, `datahash = ${dataHash(readFileSync(packages.apk))}`);
    } finally {
      directory.remove();
    }
  });

  test("is installed and removed by apk", {
    skip: withoutManager("apk"),
  }, () => {
    using tree = new PackageTree("rc-update");
    const apk = (...args: string[]) =>
      run(
        "apk",
        "--root",
        tree.root,
        "--allow-untrusted",
        "--no-network",
        ...args,
      );
    apk("add", "--initdb", "--force-broken-world", packages.apk);
    assert.ok(tree.has("/usr/bin/lull"));
    apk("del", "lull");
    assert.ok(!tree.has("/usr/bin/lull"));
  });
});

/** The checksum of the second gzip stream. */
function dataHash(apk: Uint8Array): string {
  const magic = [0x1f, 0x8b, 0x08];
  const second = apk.findIndex((_, at) =>
    at > 0 && magic.every((byte, i) => apk[at + i] === byte)
  );
  return createHash("sha256").update(apk.subarray(second)).digest("hex");
}
