import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
} from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { OUTPUT } from "../../src/hooks/output.ts";
import { runScript } from "../../src/hooks/process.ts";
import { findScripts } from "../../src/hooks/scripts.ts";
import { readElf } from "../../src/linux/elf.ts";
import { FREEZE, script, temporary } from "../support/hooks.ts";

const directory = temporary();
after(directory.remove);
const at = (name: string) => join(directory.path, name);
const run = (path: string) => runScript(path, FREEZE, { limitMs: 20_000 });

const plain = script(at("plain"), "not executable", 0o644);
const INSTALL = "install it, or correct the first line of the script";
const toLf = (path: string) => `convert them to LF (sed -i 's/\\r$//' ${path})`;

/** A program of another machine: MIPS, which Lull does not run on. */
function foreignProgram(): Uint8Array {
  const bytes = Uint8Array.from(readFileSync("/bin/true"));
  new DataView(bytes.buffer).setUint16(18, 8, true);
  return bytes;
}

/** A program whose loader is not there, undefined if /bin/true has none. */
function withoutLoader(): [string, Uint8Array] | undefined {
  const loader = readElf("/bin/true")?.interpreter;
  if (loader === undefined) return undefined;
  const bytes = readFileSync("/bin/true");
  const missing = `${loader.slice(0, -4)}none`;
  bytes.write(missing, bytes.indexOf(loader));
  return [missing, Uint8Array.from(bytes)];
}

/** What a file is, its text, and what is said of it. */
const CASES: [string, string | Uint8Array, (path: string) => string][] = [
  [
    "a script whose interpreter is missing",
    "#!/no/such/interpreter\n",
    () => `its interpreter /no/such/interpreter does not exist: ${INSTALL}`,
  ],
  [
    "a script with CRLF line ends",
    "#!/bin/sh\r\nexit 0\r\n",
    (path) =>
      `its lines end in CRLF, so that the kernel looks for an interpreter "/bin/sh\\r": ${
        toLf(path)
      }`,
  ],
  [
    "a script whose interpreter is a directory",
    `#! ${directory.path}\n`,
    () => `its interpreter ${directory.path} is a directory: ${INSTALL}`,
  ],
  [
    "a script whose interpreter is not executable",
    `#!${plain} -x\n`,
    () =>
      `its interpreter ${plain} is not executable: allow it (chmod +x ${plain})`,
  ],
  [
    "a script whose interpreter is a script without one",
    `#!${script(at("inner"), "#!/nowhere/perl\n")}\n`,
    () =>
      `the interpreter /nowhere/perl of ${
        at("inner")
      } does not exist: ${INSTALL}`,
  ],
  [
    "a script that is its own interpreter",
    `#!${at("loop")}\n`,
    () =>
      "there are too many interpreters, or symbolic links, in a row (ELOOP)",
  ],
  [
    "a program for another machine",
    foreignProgram(),
    () => "it is a program for mips, and this machine is ",
  ],
  [
    "bytes that are no program",
    Uint8Array.of(1, 0, 2, 10),
    () => "it is neither a script nor a program of this machine",
  ],
];

describe("a hook that cannot run says why", () => {
  for (const [what, text, why] of CASES) {
    test(what, async () => {
      const name = what.includes("its own") ? "loop" : "hook";
      const path = script(at(name), text);
      const { status, reached, reason, [OUTPUT]: output } = await run(path);
      assert.deepEqual([status, reached], ["failed", false]);
      assert.ok(
        reason!.startsWith(`Cannot run ${path}: ${why(path)}`),
        `it says: ${reason}`,
      );
      assert.equal(output, undefined, "no shell ran it");
    });
  }

  const loaderless = withoutLoader();
  test("a program whose loader is missing", {
    skip: loaderless ? false : "/bin/true is a static program here",
  }, async () => {
    const [loader, bytes] = loaderless!;
    const path = script(at("loaderless"), bytes);
    const { reason } = await run(path);
    assert.equal(
      reason,
      `Cannot run ${path}: the loader ${loader} that it needs does not exist: ` +
        "install the C library that it was built for, or a static program",
    );
    const of = script(at("of-loaderless"), `#!${path}\n`);
    assert.match(
      (await run(of)).reason!,
      /: the loader .* that its interpreter .*\/loaderless needs does not exist/,
    );
  });

  test("a file that is open for writing", async () => {
    const path = script(at("busy"), "#!/bin/sh\n");
    const file = openSync(path, "r+");
    try {
      const { reason } = await run(path);
      // Linux 6.11 and 6.12 let it run.
      if (reason === undefined) return;
      assert.match(
        reason,
        /^Cannot run \/.*\/busy: it, .*\(ETXTBSY\): let its/,
      );
    } finally {
      closeSync(file);
    }
  });

  test("a file that is gone", async () => {
    const path = script(at("gone"), "#!/bin/sh\n");
    unlinkSync(path);
    const { reason } = await run(path);
    assert.equal(reason, `Cannot run ${path}: it does not exist`);
  });

  test("a failure that comes of CRLF line ends", async () => {
    for (const text of ["#!/bin/sh -e\r\ntrue\r\n", "exit 1\r\n"]) {
      const path = script(at("crlf"), text);
      const { exitCode, reason } = await run(path);
      assert.equal(
        reason,
        `exit code ${exitCode}; its lines end in CRLF: ${toLf(path)}`,
      );
    }
  });

  test("an interpreter that env does not find", {
    skip: existsSync("/usr/bin/env") ? false : "there is no /usr/bin/env",
  }, async () => {
    for (const words of ["lull-no-such", "-S A=1 lull-no-such -u"]) {
      const { reason } = await run(
        script(at("env"), `#!/usr/bin/env ${words}\n`),
      );
      assert.match(
        reason!,
        /^exit code 127; its interpreter lull-no-such is not in PATH=.*: install/,
      );
    }
    // What the script itself ends with says nothing of its interpreter.
    const path = script(at("env"), "#!/usr/bin/env sh\nlull-no-such\n");
    assert.equal((await run(path)).reason, "exit code 127");
  });

  const mounted = at("noexec");
  mkdirSync(mounted);
  const cannotMount = spawnSync("mount", [
    ...["-t", "tmpfs", "-o", "noexec", "lull", mounted],
  ]).status !== 0;
  after(() => {
    if (!cannotMount) spawnSync("umount", ["-l", mounted]);
  });
  test("a filesystem without execution: not left out, and named", {
    skip: cannotMount ? "a tmpfs cannot be mounted here" : false,
  }, async () => {
    const path = script(join(mounted, "hook"), "#!/bin/sh\n");
    const hooks = findScripts({ directories: [mounted], limitMs: 1000 });
    assert.deepEqual(hooks.map(({ name }) => name), ["hook"]);
    assert.equal(
      (await run(path)).reason,
      `Cannot run ${path}: the kernel refuses it (EACCES): its filesystem may be mounted noexec`,
    );
  });
});
