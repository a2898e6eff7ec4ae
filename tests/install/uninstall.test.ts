import assert from "node:assert/strict";
import {
  existsSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { Line } from "../../src/install/line.ts";
import { uninstall } from "../../src/install/uninstall.ts";
import { runLull } from "../support/cli.ts";
import {
  BINARY,
  CONFIG,
  contents,
  fates,
  installInto,
  program,
  trees,
} from "./tree.ts";

const { tree, remove } = trees();
after(remove);

const UNIT = "etc/systemd/system/lull.service";

function uninstallFrom(root: string, dryRun = false): Line[] {
  const lines: Line[] = [];
  uninstall({ root, dryRun, onLine: (line) => lines.push(line) });
  return lines;
}

/** The files of a tree, without its directories. */
function files(root: string): string[] {
  return contents(root).filter((entry) => entry.includes(" "));
}

describe("an uninstall", () => {
  test("removes all that an install wrote, and nothing else", () => {
    const root = tree(
      "usr/lib/systemd/systemd",
      "sbin/openrc-run",
      "usr/local/bin/other",
    );
    const before = files(root);
    const written = installInto(root).filter(({ what }) => what === "written");
    const lines = uninstallFrom(root);
    assert.deepEqual(files(root), before);
    assert.ok(!existsSync(join(root, "etc/lull")));
    const removed = lines.filter(({ what }) => what === "removed")
      .map(({ path }) => path);
    assert.deepEqual(
      removed.toSorted(),
      [...written.map(({ path }) => path), "/etc/lull"].toSorted(),
    );
    assert.deepEqual(uninstallFrom(root), [
      { what: "note", why: "the tree has no Lull" },
    ]);
  });

  test("keeps what a user changed", () => {
    const root = tree("usr/lib/systemd/systemd");
    installInto(root);
    writeFileSync(join(root, CONFIG), '{"port": 1}');
    writeFileSync(join(root, UNIT), "[Service]\n");
    writeFileSync(join(root, "etc/lull/hooks.d/10-mine"), "");
    const lines = fates(uninstallFrom(root));
    assert.equal(lines[CONFIG], "kept");
    assert.equal(lines[UNIT], "kept");
    assert.equal(lines["etc/lull/hooks.d"], "kept");
    assert.equal(lines["etc/lull"], "kept");
    assert.equal(lines[BINARY], "removed");
    assert.equal(readFileSync(join(root, CONFIG), "utf8"), '{"port": 1}');
  });

  test("keeps what a user put in the place of the binary", () => {
    for (const put of ["script", "link"]) {
      const root = tree("usr/lib/systemd/systemd");
      installInto(root);
      const at = join(root, BINARY);
      rmSync(at);
      if (put === "link") symlinkSync("/opt/lull", at);
      else writeFileSync(at, "#!/bin/sh\n");
      assert.equal(fates(uninstallFrom(root))[BINARY], "kept");
      assert.ok(files(root).some((entry) => entry.includes(BINARY)));
    }
  });

  test("leaves a masked service masked, and links lead nowhere out", () => {
    const root = tree("usr/lib/systemd/systemd");
    installInto(root);
    rmSync(join(root, UNIT));
    symlinkSync("/dev/null", join(root, UNIT));
    assert.equal(fates(uninstallFrom(root))[UNIT], "kept");
    const outside = tree("lull");
    const up = "../".repeat(20);
    const linked = tree(`usr/local/bin -> ${up}${outside.slice(1)}`);
    assert.throws(() => uninstallFrom(linked), /a link in its path leads out/);
    assert.ok(existsSync(join(outside, "lull")));
  });
});

describe("a tree that has the package", () => {
  test("is left to the package manager", () => {
    const root = tree("usr/bin/lull", "usr/lib/systemd/systemd");
    const before = contents(root);
    for (
      const [action, act] of [
        ["install into", installInto],
        ["uninstall from", uninstallFrom],
      ] as const
    ) {
      assert.throws(() => act(root), {
        message:
          `Cannot ${action} ${root}: the tree has /usr/bin/lull from a package; update or remove it with the package manager`,
      });
    }
    assert.deepEqual(contents(root), before);
  });
});

describe("a dry run", () => {
  test("changes nothing, and says what would happen", () => {
    const root = tree("usr/lib/systemd/systemd");
    const run = (...more: string[]) =>
      runLull(["install", "--root", root, "--dry-run", ...more]);
    const before = contents(root);
    const install = run("--binary", program);
    assert.equal(install.code, 0, install.stderr);
    assert.match(install.stdout, /^to write {3}\/usr\/local\/bin\/lull$/m);
    assert.doesNotMatch(install.stdout, /^written/m);
    assert.deepEqual(contents(root), before);

    const written = fates(installInto(root));
    assert.deepEqual(
      install.stdout.match(/^to write +\/\S+$/mg)!.length,
      Object.keys(written).length,
    );
    const installed = contents(root);
    const uninstall = run("--uninstall");
    assert.match(uninstall.stdout, /^to remove {2}\/etc\/lull$/m);
    assert.deepEqual(contents(root), installed);
    const removed = uninstallFrom(root)
      .filter(({ what }) => what === "removed");
    assert.equal(removed.length, Object.keys(written).length + 1);
    assert.equal(
      uninstall.stdout.match(/^to remove +\/\S+$/mg)!.length,
      removed.length,
    );
  });
});
