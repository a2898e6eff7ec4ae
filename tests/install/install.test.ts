import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { install, type Line } from "../../src/install/install.ts";
import { runLull } from "../support/cli.ts";

const base = mkdtempSync(join(tmpdir(), "lull-install-"));
after(() => rmSync(base, { recursive: true }));
let count = 0;

/** A program that is small. */
const program = realpathSync("/bin/true");
const isRoot = process.getuid?.() === 0;

const BINARY = "usr/local/bin/lull";
const UNIT = "etc/systemd/system/lull.service";
const WANTS = "etc/systemd/system/multi-user.target.wants/lull.service";
const CONFIG = "etc/lull/config.json";
const SCRIPT = "etc/init.d/lull";
const RUNLEVEL = "etc/runlevels/default/lull";

/** A tree with those empty files, `->` making links. */
function tree(...entries: string[]): string {
  const root = join(base, `tree-${count++}`);
  mkdirSync(root);
  for (const entry of entries) {
    const [path, target] = entry.split(" -> ");
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (target === undefined) writeFileSync(join(root, path), "");
    else symlinkSync(target, join(root, path));
  }
  return root;
}

function installInto(root: string, binary = program): Line[] {
  const lines: Line[] = [];
  install({ root, binary, onLine: (line) => lines.push(line) });
  return lines;
}

/** What became of each path, without the leading slash. */
function fates(lines: Line[]): Record<string, string> {
  return Object.fromEntries(
    lines.filter(({ path }) => path).map((
      { path, what },
    ) => [path!.slice(1), what]),
  );
}

function warnings(lines: Line[]): string[] {
  return lines.filter(({ what }) => what === "warning").map(({ why }) => why!);
}

function read(root: string, path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** Everything below, so that nothing is left or changed unseen. */
function contents(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    const { mtimeMs, ino } = lstatSync(path);
    return entry.isDirectory()
      ? [path, ...contents(path)]
      : [`${path} ${ino} ${mtimeMs}`];
  }).sort();
}

describe("a tree that never had Lull", () => {
  const root = tree("usr/lib/systemd/systemd");
  const lines = installInto(root);

  test("gets all of it, said line by line", () => {
    assert.deepEqual(fates(lines), {
      [BINARY]: "written",
      "etc/lull/hooks.d": "written",
      [CONFIG]: "written",
      [WANTS]: "written",
      [UNIT]: "written",
    });
    assert.deepEqual(
      readFileSync(join(root, BINARY)),
      readFileSync(program),
    );
    assert.deepEqual(JSON.parse(read(root, CONFIG)), {});
    assert.equal(readlinkSync(join(root, WANTS)), `/${UNIT}`);
    const modes = [BINARY, "etc/lull/hooks.d", CONFIG, UNIT].map((path) =>
      (statSync(join(root, path)).mode & 0o7777).toString(8)
    );
    assert.deepEqual(modes, ["755", "755", "644", "644"]);
    assert.ok(!existsSync(join(root, "etc/init.d")));
  });

  test("and a unit that protects the agent", () => {
    const unit = read(root, UNIT);
    for (
      const line of [
        "ExecStart=/usr/local/bin/lull",
        "Restart=always",
        "StartLimitIntervalSec=0",
        "OOMScoreAdjust=-900",
        "RuntimeDirectory=lull",
        "RuntimeDirectoryPreserve=yes",
        "WantedBy=multi-user.target",
      ]
    ) assert.ok(unit.split("\n").includes(line), line);
  });

  const verify = spawnSync("systemd-analyze", ["--version"]);
  test("which systemd understands", {
    skip: verify.status === 0 ? false : "no systemd-analyze here",
  }, () => {
    // What it knows nothing of, it says on stderr and then ignores.
    const checked = spawnSync("systemd-analyze", [
      "verify",
      "--man=no",
      join(root, UNIT),
    ], { encoding: "utf8" });
    const about = checked.stderr.split("\n").filter((line) =>
      line.includes("lull.service") && !line.includes("is not executable")
    );
    assert.deepEqual(about, []);
  });

  test("stays as it is the second time", () => {
    const before = contents(root);
    const again = fates(installInto(root));
    assert.deepEqual(new Set(Object.values(again)), new Set(["unchanged"]));
    assert.equal(Object.keys(again).length, 5);
    assert.deepEqual(contents(root), before);
  });
});

describe("what somebody changed", () => {
  test("a config stays, whatever it is", () => {
    const root = tree();
    installInto(root);
    writeFileSync(join(root, CONFIG), '{"port": 1}');
    assert.equal(fates(installInto(root))[CONFIG], "kept");
    assert.equal(read(root, CONFIG), '{"port": 1}');
  });

  test("a unit stays; one of another version is replaced", () => {
    const root = tree();
    installInto(root);
    const ours = read(root, UNIT);
    writeFileSync(join(root, UNIT), `${ours}# mine\n`);
    assert.equal(fates(installInto(root))[UNIT], "kept");
    assert.equal(read(root, UNIT), `${ours}# mine\n`);

    const [seal] = /^# sha256 .*\n/m.exec(ours)!;
    const older = ours.replace(seal, "").replace("65536", "1024");
    const sum = createHash("sha256").update(older).digest("hex");
    writeFileSync(join(root, UNIT), `# sha256 ${sum}\n${older}`);
    assert.equal(fates(installInto(root))[UNIT], "written");
    assert.equal(read(root, UNIT), ours);
  });

  test("a disabled service stays disabled, a masked one masked", () => {
    const root = tree();
    installInto(root);
    rmSync(join(root, WANTS));
    assert.equal(fates(installInto(root))[WANTS], "kept");
    assert.ok(!existsSync(join(root, WANTS)));

    rmSync(join(root, UNIT));
    symlinkSync("/dev/null", join(root, UNIT));
    assert.equal(fates(installInto(root))[UNIT], "kept");
    assert.equal(readlinkSync(join(root, UNIT)), "/dev/null");
  });

  test("another binary is replaced, and one that lost its mode", () => {
    const root = tree(BINARY);
    assert.equal(fates(installInto(root))[BINARY], "written");
    chmodSync(join(root, BINARY), 0o600);
    assert.equal(fates(installInto(root))[BINARY], "written");
    assert.equal(statSync(join(root, BINARY)).mode & 0o777, 0o755);
  });

  test("what a killed install left is gone", () => {
    const beside = "usr/local/bin/.lull.new";
    const root = tree(beside);
    installInto(root);
    assert.ok(!existsSync(join(root, beside)));
  });
});

describe("links in the tree", () => {
  test("are followed as the guest follows them", () => {
    const root = tree("usr/local -> /opt/local", "etc/lull -> ../var/lull");
    installInto(root);
    assert.ok(statSync(join(root, "opt/local/bin/lull")).isFile());
    assert.equal(read(root, "var/lull/config.json"), "{}\n");
    assert.equal(
      fates(installInto(root))[BINARY],
      "unchanged",
    );
  });

  test("that lead out of it are refused", () => {
    const outside = tree();
    const up = "../".repeat(20);
    for (const link of ["usr/local", "usr/local/bin", "etc/lull"]) {
      const root = tree(`${link} -> ${up}${outside.slice(1)}`);
      assert.throws(
        () => installInto(root),
        /^InstallError: Cannot write \/\S+: a link on the way leads out of /,
      );
    }
    assert.deepEqual(contents(outside), []);
    // An absolute one is the guest's own, and leads nowhere else.
    const root = tree(`usr/local -> ${outside}`);
    installInto(root);
    assert.deepEqual(contents(outside), []);
    assert.ok(existsSync(join(root, outside, "bin/lull")));
  });

  test("in place of a file are replaced or kept, never written through", () => {
    const victim = join(base, "victim");
    writeFileSync(victim, "mine");
    const root = tree(`${BINARY} -> ${victim}`, `${CONFIG} -> ${victim}`);
    const lines = fates(installInto(root));
    assert.equal(lines[BINARY], "written");
    assert.ok(lstatSync(join(root, BINARY)).isFile());
    assert.equal(lines[CONFIG], "kept");
    assert.equal(readFileSync(victim, "utf8"), "mine");
  });

  test("in a circle, and files in place of directories, are refused", () => {
    assert.throws(
      () => installInto(tree("usr/local -> local")),
      /Cannot write \/usr\/local\/bin\/lull: too many links/,
    );
    assert.throws(
      () => installInto(tree("usr/local")),
      /Cannot write \/usr\/local\/bin\/lull: .*\/usr\/local is no directory/,
    );
  });
});

describe("OpenRC", () => {
  test("gets a script and a runlevel, once", () => {
    const root = tree("sbin/openrc-run");
    assert.equal(fates(installInto(root))[SCRIPT], "written");
    assert.equal(statSync(join(root, SCRIPT)).mode & 0o777, 0o755);
    assert.equal(readlinkSync(join(root, RUNLEVEL)), `/${SCRIPT}`);
    const again = fates(installInto(root));
    assert.equal(again[SCRIPT], "unchanged");
    assert.equal(again[RUNLEVEL], "unchanged");
    writeFileSync(join(root, SCRIPT), "#!/sbin/openrc-run\n");
    assert.equal(fates(installInto(root))[SCRIPT], "kept");
  });

  test("behind a merged /usr too", () => {
    const root = tree("usr/sbin/openrc-run", "sbin -> usr/sbin");
    assert.equal(fates(installInto(root))[SCRIPT], "written");
  });

  // Needs CAP_SYS_RESOURCE: where it is missing, the script must say so.
  const lowers = spawnSync("sh", [
    "-c",
    "echo -900 > /proc/self/oom_score_adj",
  ]).status === 0;
  const how = lowers ? "protects the agent" : "says that it cannot protect it";
  test(`the script makes the directory and ${how}`, () => {
    const root = tree("sbin/openrc-run");
    installInto(root);
    const { status, stdout, stderr } = spawnSync("sh", [
      "-euc",
      `ewarn() { echo "ewarn $*"; }
       checkpath() { echo "checkpath $*"; }
       need() { echo "need $*"; }
       after() { echo "after $*"; }
       . "$0"
       depend
       start_pre
       [ $(cat /proc/self/oom_score_adj) = -900 ] && echo protected
       echo "$supervisor $command $respawn_max"`,
      join(root, SCRIPT),
    ], { encoding: "utf8" });
    assert.equal(stderr, "");
    assert.equal(status, 0);
    assert.deepEqual(stdout.trim().split("\n"), [
      "need localmount",
      "after bootmisc",
      "checkpath --directory --mode 0755 /run/lull",
      lowers ? "protected" : "ewarn Lull is not protected when memory runs out",
      "supervise-daemon /usr/local/bin/lull 0",
    ]);
  });
});

describe("warnings", () => {
  test("of a tree without an init that is known", () => {
    assert.match(warnings(installInto(tree())).join(), /neither systemd nor/);
    const known = tree("lib/systemd/systemd");
    assert.doesNotMatch(warnings(installInto(known)).join(), /systemd/);
  });

  test("of a tree without the binary's dynamic linker", () => {
    const [why] = warnings(installInto(tree("sbin/openrc")));
    const [, linker] = /no (\/\S+), without which/.exec(why)!;
    assert.ok(existsSync(linker), linker);
    assert.deepEqual(
      warnings(installInto(tree("sbin/openrc", linker.slice(1)))),
      [],
    );
  });
});

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
      /^lull: Cannot install \/.*: it runs the sources of Lull .* --binary FILE\n$/,
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
        [script, program, `Cannot install into ${script}: it is no directory`],
        [root, "/none", "Cannot install /none: ENOENT"],
        [root, root, `Cannot install ${root}: it is no compiled program`],
        [root, script, `Cannot install ${script}: it is no compiled program`],
      ]
    ) {
      assert.throws(() => installInto(into, binary), { message: why });
    }
    const args = ["install", `--root=${root}`, `--binary=${script}`];
    const { code, stdout, stderr } = runLull(args);
    const why = `Cannot install ${script}: it is no compiled program`;
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
