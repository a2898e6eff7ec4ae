import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { PreloadName } from "../../../src/config/preloads.ts";
import type { Line } from "../../../src/install/line.ts";
import {
  installPreloads,
  uninstallPreloads,
} from "../../../src/install/preload/install.ts";
import { TEXTS_FILE, textsModule } from "../../../src/release/preload_texts.ts";
import { runLull } from "../../support/cli.ts";
import { contents, fates, installInto, read, trees } from "../tree.ts";

const { tree, remove } = trees();
after(remove);

const SYSTEMD = "usr/lib/systemd/systemd";
const PYTHON = "usr/lib/lull/preload/lull_random.py";
const SCRIPT = "usr/lib/lull/preload/lull_random.cjs";

function preload(root: string, ...names: PreloadName[]): Line[] {
  const lines: Line[] = [];
  const onLine = (line: Line) => lines.push(line);
  installPreloads({ root, names, dryRun: false, onLine });
  return lines;
}

function unload(root: string, ...names: PreloadName[]): Line[] {
  const lines: Line[] = [];
  const onLine = (line: Line) => lines.push(line);
  uninstallPreloads({ root, names, dryRun: false, onLine });
  return lines;
}

/** The files of a tree, without its directories. */
function files(root: string): string[] {
  return contents(root).filter((entry) => entry.includes(" "));
}

describe("an install of preloads", () => {
  test("puts Python's into each directory where a Python looks", () => {
    const root = tree(
      "usr/lib/python3/dist-packages/x.py",
      "usr/lib/python3.12/site-packages/x.py",
      "usr/local/lib/python3.13/site-packages/x.py",
      "usr/local/lib/python3.11/dist-packages/x.py",
      "usr/lib/python2.7/site-packages/x.py",
    );
    assert.deepEqual(fates(preload(root, "python")), {
      [PYTHON]: "written",
      "usr/lib/python3/dist-packages/lull.pth": "written",
      "usr/lib/python3.12/site-packages/lull.pth": "written",
      "usr/local/lib/python3.13/site-packages/lull.pth": "written",
    });
    const again = preload(root, "python").filter(({ path }) => path);
    assert.ok(again.every(({ what }) => what === "unchanged"));
  });

  test("says that the tree has no Python", () => {
    const warnings = preload(tree(), "python")
      .filter(({ what }) => what === "warning");
    assert.deepEqual(warnings.map(({ why }) => why), [
      "the tree has no Python",
    ]);
  });

  test("sets the variables for login shells, and for systemd if there is one", () => {
    const root = tree(SYSTEMD);
    assert.deepEqual(Object.keys(fates(preload(root, "node", "bun"))).sort(), [
      "etc/profile.d/lull-preload-bun.sh",
      "etc/profile.d/lull-preload-node.sh",
      "etc/systemd/system.conf.d/50-lull-preload-bun.conf",
      "etc/systemd/system.conf.d/50-lull-preload-node.conf",
      "etc/systemd/user.conf.d/50-lull-preload-bun.conf",
      "etc/systemd/user.conf.d/50-lull-preload-node.conf",
      SCRIPT,
    ]);
    assert.match(
      read(root, "etc/systemd/system.conf.d/50-lull-preload-node.conf"),
      /^DefaultEnvironment="NODE_OPTIONS=--require=\/usr\/lib\/lull\/preload\/lull_random.cjs"$/m,
    );
    const plain = fates(preload(tree(), "node"));
    assert.deepEqual(Object.keys(plain).sort(), [
      "etc/profile.d/lull-preload-node.sh",
      SCRIPT,
    ]);
  });

  test("of Deno says with which flag its programs start", () => {
    const lines = preload(tree(), "deno");
    assert.deepEqual(Object.keys(fates(lines)), [SCRIPT]);
    assert.match(lines.at(-1)!.why!, /deno run --preload=\/usr\/lib\/lull\//);
  });

  test("writes the files of the sources", () => {
    assert.equal(
      readFileSync(TEXTS_FILE, "utf8"),
      textsModule(),
      "run make preloads",
    );
  });
});

describe("an uninstall of preloads", () => {
  test("removes all that an install wrote, and nothing else", () => {
    const root = tree(SYSTEMD, "usr/lib/python3/dist-packages/x.py");
    const before = files(root);
    const all: PreloadName[] = [
      ...["python", "node", "node-openssl", "bun", "deno"] as const,
    ];
    preload(root, ...all);
    // What Python leaves, if root runs it.
    mkdirSync(join(root, "usr/lib/lull/preload/__pycache__"));
    const compiled =
      "usr/lib/lull/preload/__pycache__/lull_random.cpython-311.pyc";
    writeFileSync(join(root, compiled), "");
    unload(root, ...all);
    assert.deepEqual(files(root), before);
    assert.ok(!existsSync(join(root, "usr/lib/lull")));
    assert.deepEqual(unload(root, ...all), []);
  });

  test("keeps a file that another preload needs, and one that a user changed", () => {
    const root = tree();
    preload(root, "node", "bun");
    const profile = "etc/profile.d/lull-preload-node.sh";
    writeFileSync(join(root, profile), "# mine\n");
    assert.deepEqual(fates(unload(root, "node")), { [profile]: "kept" });
    assert.ok(existsSync(join(root, SCRIPT)));
    // The file of the user still names the script.
    assert.deepEqual(fates(unload(root, "bun")), {
      "etc/profile.d/lull-preload-bun.sh": "removed",
    });
  });

  test("leaves the files of a package to the package manager", () => {
    const root = tree("usr/bin/lull", SCRIPT);
    preload(root, "bun");
    assert.deepEqual(fates(unload(root, "bun")), {
      "etc/profile.d/lull-preload-bun.sh": "removed",
    });
    assert.ok(existsSync(join(root, SCRIPT)));
  });

  test("is part of the uninstall of the agent", () => {
    const root = tree(SYSTEMD);
    const before = files(root);
    installInto(root);
    preload(root, "bun");
    const { code, stdout } = runLull([
      ...["install", "--root", root, "--uninstall"],
    ]);
    assert.equal(code, 0);
    assert.match(stdout, /^removed {4}\/usr\/lib\/lull\/preload$/m);
    assert.deepEqual(files(root), before);
  });
});

describe("the command", () => {
  test("changes nothing in a dry run, and says what would be done", () => {
    const root = tree(SYSTEMD);
    const run = (...more: string[]) =>
      runLull(["install", "--root", root, "--preload=bun", ...more]);
    const before = contents(root);
    const dry = run("--dry-run");
    assert.equal(dry.code, 0, dry.stderr);
    assert.equal(dry.stdout.match(/^to write +\/\S+$/mg)!.length, 4);
    assert.deepEqual(contents(root), before);
    assert.equal(run().code, 0);
    const installed = contents(root);
    const undry = run("--dry-run", "--uninstall");
    assert.match(undry.stdout, /^to remove +\/usr\/lib\/lull\/preload$/m);
    assert.deepEqual(contents(root), installed);
    assert.equal(run("--uninstall").code, 0);
    assert.match(run("--uninstall").stdout, /has no such preload/);
  });

  test("refuses a preload that it does not know, and a binary", () => {
    const root = tree();
    for (
      const [flags, why] of [
        [["--preload=perl"], /expected a list of python, .* got "perl"/],
        [
          ["--preload=bun", "--binary=x"],
          /--binary: --preload installs only the preloads/,
        ],
      ] as const
    ) {
      const { code, stderr } = runLull(["install", "--root", root, ...flags]);
      assert.equal(code, 2);
      assert.match(stderr, why);
    }
    assert.deepEqual(contents(root), []);
  });
});
