import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { Line } from "../../src/install/line.ts";
import { unitProblems, withoutSystemd } from "../support/systemd.ts";
import { SETTINGS } from "../../src/runtime/bun/prepare_process.ts";
import {
  BINARY,
  CONFIG,
  contents,
  fates,
  installInto,
  program,
  read,
  trees,
} from "./tree.ts";

const { tree, remove } = trees();
after(remove);

const UNIT = "etc/systemd/system/lull.service";
const PRESET = "usr/lib/systemd/system-preset/50-lull.preset";
const WANTS = "etc/systemd/system/multi-user.target.wants/lull.service";

/** The settings of the runtime, as they are in an environment. */
function settings(): string[] {
  return Object.entries(SETTINGS).map(([name, value]) => `${name}=${value}`);
}

function warnings(lines: Line[]): string[] {
  return lines.filter(({ what }) => what === "warning").map(({ why }) => why!);
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
      [PRESET]: "written",
      [UNIT]: "written",
    });
    assert.deepEqual(
      readFileSync(join(root, BINARY)),
      readFileSync(program),
    );
    assert.deepEqual(JSON.parse(read(root, CONFIG)), {});
    assert.equal(readlinkSync(join(root, WANTS)), `/${UNIT}`);
    assert.equal(read(root, PRESET), "enable lull.service\n");
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
        "Type=notify",
        ...settings().map((setting) => `Environment=${setting}`),
        "Restart=always",
        "RestartSteps=6",
        "RestartMaxDelaySec=5s",
        "OOMPolicy=continue",
        "ImportCredential=lull.token",
        "StartLimitIntervalSec=0",
        "OOMScoreAdjust=-900",
        "RuntimeDirectory=lull",
        "RuntimeDirectoryPreserve=yes",
        "WantedBy=multi-user.target",
      ]
    ) assert.ok(unit.split("\n").includes(line), line);
    assert.doesNotMatch(unit, /WatchdogSec/);
  });

  test("which systemd understands", { skip: withoutSystemd }, () => {
    assert.deepEqual(unitProblems(join(root, UNIT)), []);
  });

  test("stays as it is the second time", () => {
    const before = contents(root);
    const again = fates(installInto(root));
    assert.deepEqual(new Set(Object.values(again)), new Set(["unchanged"]));
    assert.equal(Object.keys(again).length, 6);
    assert.deepEqual(contents(root), before);
  });
});

describe("what a user changed", () => {
  test("a config stays, whatever it is", () => {
    const root = tree();
    installInto(root);
    writeFileSync(join(root, CONFIG), '{"port": 1}');
    assert.equal(fates(installInto(root))[CONFIG], "kept");
    assert.equal(read(root, CONFIG), '{"port": 1}');
  });

  test("a unit stays; one of another version is replaced", () => {
    const root = tree("usr/lib/systemd/systemd");
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
    const root = tree("usr/lib/systemd/systemd");
    installInto(root);
    rmSync(join(root, WANTS));
    // The preset would enable the service again.
    rmSync(join(root, PRESET));
    assert.equal(fates(installInto(root))[WANTS], "kept");
    assert.ok(!existsSync(join(root, WANTS)));
    assert.ok(!existsSync(join(root, PRESET)));

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

describe("warnings", () => {
  test("of a tree without an init that is known say what to add to it", () => {
    const about = (...entries: string[]) =>
      warnings(installInto(tree(...entries))).find((why) =>
        why.includes("neither systemd nor OpenRC")
      );
    assert.match(
      about()!,
      /: while :; do \/usr\/local\/bin\/lull; sleep 1; done &$/,
    );
    const line = /\/etc\/inittab: ::respawn:\/usr\/local\/bin\/lull$/;
    assert.match(about("etc/inittab")!, line);
    assert.match(about("bin/busybox", "sbin/init -> ../bin/busybox")!, line);
    assert.match(about("etc/sv/x/run")!, /\/etc\/sv\/lull\/run/);
    assert.equal(about("lib/systemd/systemd"), undefined);
    assert.equal(about("sbin/openrc-run"), undefined);
    assert.ok(!existsSync(join(tree(), UNIT)));
  });
});

describe("a tree with SELinux", () => {
  const notes = (root: string) =>
    installInto(root).flatMap(({ what, why }) => what === "note" ? [why!] : []);

  test("needs labels for the new files, once", () => {
    const root = tree("usr/lib/systemd/systemd", "etc/selinux/config");
    writeFileSync(
      join(root, "etc/selinux/config"),
      "# SELINUX=disabled\nSELINUX=enforcing\nSELINUXTYPE=mls\n",
    );
    const [note, ...more] = notes(root);
    assert.deepEqual(more, []);
    const contexts = `${root}/etc/selinux/mls/contexts/files/file_contexts`;
    assert.ok(note.includes(`setfiles -r ${root} ${contexts} `), note);
    assert.ok(note.includes(`${root}/${BINARY} `), note);
    assert.ok(note.includes(`${root}/${UNIT}`), note);
    assert.match(note, /\.autorelabel/);
    assert.deepEqual(notes(root), []);
  });

  test("that is disabled needs none", () => {
    const root = tree("etc/selinux/config");
    writeFileSync(join(root, "etc/selinux/config"), "SELINUX=disabled\n");
    assert.deepEqual(notes(root), []);
  });
});
