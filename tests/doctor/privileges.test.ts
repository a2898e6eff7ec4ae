import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { requireCapability } from "../../src/doctor/privileges.ts";
import { doctorIn, finding, working } from "./diagnosis.ts";

const base = mkdtempSync(join(tmpdir(), "lull-doctor-"));
chmodSync(base, 0o777); // a user without rights works in it, too
after(() => rmSync(base, { recursive: true }));
const { diagnose, quiet } = doctorIn(base);

const isRoot = process.getuid?.() === 0;
const PLAIN_USER = "65534";

describe("doctor", () => {
  test("as root, finds what root may do", {
    skip: isRoot ? false : "needs root",
  }, () => {
    const diagnosis = diagnose(["--forward-address=127.0.0.2", ...quiet]);
    // Read-only in most containers, for every user.
    const writable = spawnSync("sh", ["-c", ": >> /proc/sys/vm/drop_caches"]);
    assert.equal(
      finding(diagnosis, "page-cache").works,
      writable.status === 0,
    );
    assert.equal(finding(diagnosis, "runtime-directory").works, true);
    assert.equal(finding(diagnosis, "forward-address").works, true);
    assert.equal(finding(diagnosis, "hooks-socket").found, "disabled");
  });

  test("as a user without rights, finds what is missing, and still ends", {
    skip: isRoot ? false : "needs root to become another user",
  }, () => {
    const become = [
      "setpriv",
      `--reuid=${PLAIN_USER}`,
      `--regid=${PLAIN_USER}`,
      "--clear-groups",
    ];
    const diagnosis = diagnose(["--forward-address=127.0.0.2"], become);
    assert.equal(diagnosis.ok, false);
    const missing = diagnosis.checks
      .filter(({ works, needed }) => !works && needed)
      .map(({ name }) => name);
    for (
      const name of [
        "page-cache",
        "random-pool",
        "wall-clock",
        "socket-destroy",
      ]
    ) assert.ok(missing.includes(name), `${name}: ${missing}`);
    assert.match(
      finding(diagnosis, "wall-clock").found,
      /^this process does not have CAP_SYS_TIME$/,
    );
    assert.ok(working(diagnosis).includes("affinity"));
    assert.ok(working(diagnosis).includes("forward-address"));
  });

  test("sees that /proc/sys and a directory are read-only, to root too", {
    skip: isRoot ? false : "needs root to mount",
  }, () => {
    const script = `mount --bind /proc/sys /proc/sys
      mount -o remount,ro,bind /proc/sys
      mkdir -p "$0"; mount -t tmpfs -o ro none "$0"; exec "$@"`;
    const before = ["unshare", "--mount", "sh", "-euc", script, `${base}/ro`];
    const args = [`--runtime-directory=${base}/ro/lull`, "--hooks-socket="];
    const diagnosis = diagnose(args, before);
    const found = (name: string) => finding(diagnosis, name).found;
    assert.match(found("page-cache"), /^Cannot write .*drop_caches: EROFS$/);
    assert.match(found("compaction"), /compact_memory: EROFS$/);
    assert.match(found("runtime-directory"), /ro is read-only$/);
  });
});

test("capabilities count where they are effective, and over everything", () => {
  const status = (mask: string) => `Name:\tlull\nCapEff:\t${mask}\n`;
  const all = "         0          0 4294967295\n";
  const some = "         0       1000          1\n";
  requireCapability("CAP_SYS_TIME", status("0000000002000000"), all);
  assert.throws(
    () => requireCapability("CAP_SYS_TIME", status("fffffffffdffffff"), all),
    /does not have CAP_SYS_TIME$/,
  );
  const mask = status("000001ffffffffff");
  assert.throws(
    () => requireCapability("CAP_SYS_ADMIN", mask, some),
    /has CAP_SYS_ADMIN in its user namespace only$/,
  );
  requireCapability("CAP_NET_ADMIN", mask, some);
});
