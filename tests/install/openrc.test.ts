import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { SETTINGS } from "../../src/runtime/bun/prepare_process.ts";
import { fates, installInto, trees } from "./tree.ts";

const { tree, remove } = trees();
after(remove);

const SCRIPT = "etc/init.d/lull";
const RUNLEVEL = "etc/runlevels/default/lull";

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

  test("the script has the settings of the runtime", () => {
    const root = tree("sbin/openrc-run");
    installInto(root);
    const { stdout } = spawnSync("sh", [
      "-euc",
      '. "$0"; env',
      join(root, SCRIPT),
    ], {
      encoding: "utf8",
      env: { PATH: process.env.PATH },
    });
    const lines = stdout.split("\n");
    for (const [name, value] of Object.entries(SETTINGS)) {
      assert.ok(lines.includes(`${name}=${value}`), name);
    }
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
       echo "$supervisor $command $respawn_max $retry"`,
      join(root, SCRIPT),
    ], { encoding: "utf8" });
    assert.equal(stderr, "");
    assert.equal(status, 0);
    assert.deepEqual(stdout.trim().split("\n"), [
      "need localmount",
      "after bootmisc",
      "checkpath --directory --mode 0755 /run/lull",
      lowers ? "protected" : "ewarn Lull is not protected when memory runs out",
      "supervise-daemon /usr/local/bin/lull 0 TERM/90/KILL/5",
    ]);
  });
});
