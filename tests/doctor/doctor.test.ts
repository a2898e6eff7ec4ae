import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import type { Finding } from "../../src/doctor/check.ts";
import { findReporting, guessHypervisor } from "../../src/doctor/machine.ts";
import { type Diagnosis, textOf } from "../../src/doctor/main.ts";
import { requireCapability } from "../../src/doctor/privileges.ts";
import { runLull } from "../support/cli.ts";

const base = mkdtempSync(join(tmpdir(), "lull-doctor-"));
chmodSync(base, 0o777); // a user without rights works in it, too
after(() => rmSync(base, { recursive: true }));

const isRoot = process.getuid?.() === 0;
const NOBODY = "65534";

const NAMES = [
  "hypervisor",
  "vmgenid",
  "rtc",
  "ptp",
  "hardware-random",
  "free-page-reporting",
  "c-library",
  "freezer",
  "freeze-mounts",
  "page-cache",
  "compaction",
  "affinity",
  "kernel-log",
  "random-pool",
  "wall-clock",
  "socket-destroy",
  "runtime-directory",
  "hooks",
  "hooks-socket",
  "forward-address",
];

/** What it says; the words of the exit code and of `ok` are compared here. */
function diagnose(
  args: readonly string[],
  before?: readonly string[],
): Diagnosis {
  const { code, stdout, stderr } = runLull(["doctor", "--json", ...args], {
    before,
    env: { DENO_DIR: join(base, "deno"), HOME: base },
  });
  assert.equal(stderr, "");
  const diagnosis: Diagnosis = JSON.parse(stdout);
  assert.equal(code, diagnosis.ok ? 0 : 1);
  const lacks = diagnosis.checks.some(({ works, needed }) => needed && !works);
  assert.equal(diagnosis.ok, !lacks);
  return diagnosis;
}

function finding({ checks }: Diagnosis, name: string): Finding {
  return checks.find((check) => check.name === name)!;
}

function working({ checks }: Diagnosis): string[] {
  return checks.filter(({ works }) => works).map(({ name }) => name);
}

const quiet = [`--runtime-directory=${base}/run`, "--hooks-socket="];

describe("doctor", () => {
  test("says of everything whether it works, or what to do", () => {
    const diagnosis = diagnose([]);
    assert.match(diagnosis.version, /^\d+\.\d+\.\d+/);
    assert.deepEqual(diagnosis.checks.map(({ name }) => name), NAMES);
    for (const { name, works, found, skipped, remedy } of diagnosis.checks) {
      assert.ok(found.length > 0, name);
      assert.doesNotMatch(found, /undefined|\[object|\n/, name);
      assert.equal(skipped === undefined, works, name);
      assert.equal(remedy === undefined, works, name);
    }
    const works = working(diagnosis);
    assert.ok(works.includes("c-library"));
    assert.ok(works.includes("affinity"));
    assert.ok(works.includes("hooks"));
  });

  test("as root, finds what root may do", {
    skip: isRoot ? false : "needs root",
  }, () => {
    const diagnosis = diagnose(["--forward-address=127.0.0.2", ...quiet]);
    // Read-only in most containers, whoever looks.
    const writable = spawnSync("sh", ["-c", ": >> /proc/sys/vm/drop_caches"]);
    assert.equal(
      finding(diagnosis, "page-cache").works,
      writable.status === 0,
    );
    assert.equal(finding(diagnosis, "runtime-directory").works, true);
    assert.equal(finding(diagnosis, "forward-address").works, true);
    assert.equal(finding(diagnosis, "hooks-socket").found, "turned off");
  });

  test("as a user without rights, finds what is missing, and still ends", {
    skip: isRoot ? false : "needs root to become somebody else",
  }, () => {
    const become = [
      "setpriv",
      `--reuid=${NOBODY}`,
      `--regid=${NOBODY}`,
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
    assert.match(found("page-cache"), /drop_caches cannot be written: EROFS$/);
    assert.match(found("compaction"), /compact_memory .*EROFS$/);
    assert.match(found("runtime-directory"), /ro is read-only$/);
  });

  test("needs only what is on", () => {
    const off = diagnose([
      ...quiet,
      "--no-forward-ports",
      "--drop-caches=off",
      "--no-compact-memory",
      "--no-reset-connections",
    ]);
    for (
      const name of [
        "forward-address",
        "page-cache",
        "compaction",
        "socket-destroy",
        "freezer",
        "vmgenid",
        "hooks-socket",
      ]
    ) assert.equal(finding(off, name).needed, false, name);
    const on = diagnose([
      "--workload-cgroup=/none/such",
      "--freeze-mounts=/none",
      "--health-recovers=restored",
    ]);
    for (const name of ["freezer", "freeze-mounts"]) {
      const { needed, works } = finding(on, name);
      assert.deepEqual({ needed, works }, { needed: true, works: false });
    }
    assert.equal(finding(on, "vmgenid").needed, true);
    assert.equal(finding(on, "kernel-log").needed, true);
    assert.equal(on.ok, false);
  });

  test("names the hooks that would run, and those that would not", () => {
    const directory = join(base, "hooks.d");
    mkdirSync(directory);
    for (const name of ["20-b", "10-a", "c.bak", "plain"]) {
      writeFileSync(join(directory, name), "#!/bin/sh\n");
      chmodSync(join(directory, name), name === "plain" ? 0o644 : 0o755);
    }
    const file = join(base, "config.json");
    const hooks = [{ name: "db", url: "http://127.0.0.1:1/" }];
    writeFileSync(file, JSON.stringify({ hooks }));
    const args = [`--config=${file}`, `--hook-directories=${directory}`];
    assert.equal(
      finding(diagnose(args), "hooks").found,
      `${directory}/10-a, ${directory}/20-b, db would be called; not called: ${directory}/c.bak, ${directory}/plain`,
    );
    writeFileSync(file, JSON.stringify({ hooks: [{ name: "db" }] }));
    const wrong = finding(diagnose(args), "hooks");
    assert.equal(wrong.works, false);
    assert.match(wrong.found, /^Cannot use hook \{"name":"db"\}: url must be /);
  });

  test("says it to people in one line each", () => {
    const { code, stdout } = runLull(["doctor", "--forward-address=192.0.2.1"]);
    assert.equal(code, 1);
    const lines = stdout.trimEnd().split("\n");
    assert.equal(lines.length, NAMES.length + 2);
    for (const [i, name] of NAMES.entries()) {
      assert.match(lines[i], new RegExp(`^[ !] (works  |missing)  ${name} `));
    }
    assert.match(
      lines.find((line) => line.includes(" forward-address "))!,
      /^! missing .* 192\.0\.2\.1 is no address of this machine: \w+\. Skipped: .+\. To get it: .+\.$/,
    );
    assert.match(lines.at(-1)!, /needed by .*: .*forward-address$/);
  });
});

test("the last line tells whether that is all", () => {
  const found = { name: "a", works: true, needed: true, found: "b" };
  assert.match(textOf([found]), /^ {2}works {4}a {2}b\n\nAll works\.$/);
  assert.match(
    textOf([{ ...found, works: false, needed: false }]),
    /All works that this configuration needs\.$/,
  );
});

/** A directory with these files in it. */
function files(name: string, contents: Record<string, string>): string {
  const root = join(base, name);
  mkdirSync(root);
  for (const [path, text] of Object.entries(contents)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

test("the hypervisor is guessed from names and the CPU's flag", () => {
  const dmi = "sys/class/dmi/id";
  const qemu = files("qemu", {
    [`${dmi}/sys_vendor`]: "QEMU\n",
    [`${dmi}/product_name`]: "Standard PC\n",
    "proc/cpuinfo": "flags\t\t: fpu hypervisor lm\n",
  });
  assert.equal(
    guessHypervisor(qemu),
    "the CPU says that this is a guest of QEMU Standard PC",
  );
  const arm = files("arm", { [`${dmi}/sys_vendor`]: "QEMU" });
  assert.equal(guessHypervisor(arm), "a guest of QEMU");
  const host = files("host", {
    [`${dmi}/sys_vendor`]: "Maker",
    "proc/cpuinfo": "flags\t\t: fpu lm\n",
  });
  assert.throws(
    () => guessHypervisor(host),
    /nothing tells of a hypervisor: Maker$/,
  );
});

test("a balloon reports where its sixth feature is set", () => {
  const kernel = files("module", { parameters: "" });
  const balloon = (features: string) =>
    files(`balloon-${features}`, { "virtio3/features": features, bind: "" });
  assert.match(findReporting(balloon("000001"), kernel), /^virtio3 /);
  assert.throws(
    () => findReporting(balloon("111110"), kernel),
    /does not report$/,
  );
  assert.throws(
    () => findReporting(join(base, "none"), kernel),
    /no virtio balloon$/,
  );
  assert.throws(
    () => findReporting(balloon("1"), join(base, "none")),
    /no page reporting$/,
  );
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
