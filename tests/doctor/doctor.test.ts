import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { textOf } from "../../src/doctor/main.ts";
import { runLull } from "../support/cli.ts";
import { doctorIn, finding, working } from "./diagnosis.ts";

const base = mkdtempSync(join(tmpdir(), "lull-doctor-"));
after(() => rmSync(base, { recursive: true }));
const { diagnose, quiet } = doctorIn(base);

const NAMES = [
  "hypervisor",
  "vmgenid",
  "vmclock",
  "rtc",
  "ptp",
  "hardware-random",
  "free-page-reporting",
  "c-library",
  "freezer",
  "freeze-mounts",
  "page-cache",
  "compaction",
  "page-frames",
  "affinity",
  "kernel-log",
  "random-pool",
  "wall-clock",
  "socket-destroy",
  "runtime-directory",
  "token",
  "hooks",
  "hooks-socket",
  "forward-address",
  "port-steering",
  "port-reports",
  "vsock",
  "mailbox",
  "guest-agent-port",
];

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
        "freeze-mounts",
        "page-frames",
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
    const disk = diagnose(["--snapshot-kind=disk", "--publish-working-set"]);
    assert.equal(finding(disk, "freeze-mounts").needed, true);
    assert.equal(finding(disk, "page-frames").needed, true);
  });

  test("reads the mailbox, if one is configured", () => {
    const off = finding(diagnose(quiet), "mailbox");
    assert.deepEqual(off, {
      name: "mailbox",
      works: true,
      needed: false,
      found: "none is configured",
    });
    const file = join(base, "mailbox");
    for (const [text, word] of [["\0\0", "is empty"], ["{}", "has content"]]) {
      writeFileSync(file, text);
      const { found, needed } = finding(
        diagnose([...quiet, `--mailbox=${file}`]),
        "mailbox",
      );
      assert.equal(needed, true);
      assert.equal(found, `${file} can be read and ${word}`);
    }
    const missing = diagnose([...quiet, `--mailbox=${base}/none`]);
    const { works, found } = finding(missing, "mailbox");
    assert.equal(works, false);
    assert.match(found, /ENOENT/);
    assert.equal(missing.ok, false);
  });

  test("says why the calls that need the token would be refused", () => {
    const token = (...args: string[]) =>
      finding(diagnose([...quiet, ...args]), "token");
    assert.deepEqual(token(), {
      name: "token",
      works: true,
      needed: false,
      found: "none is configured",
    });
    const file = join(base, "token");
    const missing = token(`--token-file=${file}`);
    assert.deepEqual([missing.works, missing.needed], [false, true]);
    assert.match(missing.found, /ENOENT/);
    writeFileSync(file, "\n", { mode: 0o600 });
    assert.match(token(`--token-file=${file}`).found, /is empty$/);
    writeFileSync(file, "secret\n");
    const { works, found } = token(`--token-file=${file}`);
    assert.equal(works, true);
    assert.equal(found, `${file} has a token`);
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
      `called: ${directory}/10-a, ${directory}/20-b, db; ignored: ${directory}/c.bak, ${directory}/plain`,
    );
    writeFileSync(file, JSON.stringify({ hooks: [{ name: "db" }] }));
    const wrong = finding(diagnose(args), "hooks");
    assert.equal(wrong.works, false);
    assert.match(
      wrong.found,
      /^Cannot use hook \{"name":"db"\}: url: expected a value$/,
    );
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
      /^! missing .* Cannot listen on 192\.0\.2\.1: \w+\. Skipped: .+\. Remedy: .+\.$/,
    );
    assert.match(lines.at(-1)!, /needed by .*: .*forward-address$/);
  });
});

test("the last line tells whether that is all", () => {
  const found = { name: "a", works: true, needed: true, found: "b" };
  assert.match(textOf([found]), /^ {2}works {4}a {2}b\n\nEverything works\.$/);
  assert.match(
    textOf([{ ...found, works: false, needed: false }]),
    /Everything that this configuration needs works\.$/,
  );
});
