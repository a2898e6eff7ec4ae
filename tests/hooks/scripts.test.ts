import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { OUTPUT } from "../../src/hooks/output.ts";
import { runScript } from "../../src/hooks/process.ts";
import { findScripts } from "../../src/hooks/scripts.ts";
import { FREEZE, script, temporary } from "../support/hooks.ts";
import { until } from "../support/until.ts";

const directory = temporary();
after(directory.remove);
const at = (name: string) => join(directory.path, name);
let count = 0;

function run(text: string, limitMs = 5000, signal?: AbortSignal) {
  const path = script(at(`run-${count++}`), text);
  return runScript(path, FREEZE, { limitMs, signal });
}

/** Whether a process runs; one that has ended and is not reaped yet does not. */
function runs(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function pidIn(path: string): Promise<string> {
  return await until(
    "a process id",
    () => existsSync(path) ? readFileSync(path, "utf8").trim() : "",
  );
}

describe("finding scripts", () => {
  test("takes executable files in order, ignores what packagers leave", () => {
    const [one, two] = [at("one.d"), at("two.d")];
    for (const path of [one, two]) mkdirSync(path);
    const ignored = [
      "a~",
      "a.bak",
      "a.orig",
      "a.rpmnew",
      "a.rpmorig",
      "a.rpmsave",
      "a.sample",
      "a.dpkg-old",
      "a.dpkg-dist",
      ".hidden",
    ];
    for (const name of ["20-b", "10-a", "Z", ...ignored]) {
      script(join(one, name), "#!/bin/sh\n");
    }
    script(join(one, "not-executable"), "#!/bin/sh\n", 0o644);
    mkdirSync(join(one, "30-directory"));
    script(join(two, "05-c.sh"), "#!/bin/sh\n");
    symlinkSync("05-c.sh", join(two, "06-link"));
    symlinkSync("nothing", join(two, "07-dangling"));
    const hooks = findScripts({
      directories: [one, at("missing.d"), two],
      limitMs: 9,
      continueOn: ["20-b", join(two, "06-link")],
    });
    assert.deepEqual(hooks.map(({ name, policy }) => [name, policy]), [
      ["10-a", "abort"],
      ["20-b", "continue"],
      ["Z", "abort"],
      ["05-c.sh", "abort"],
      ["06-link", "continue"],
    ]);
    assert.equal(hooks[0].at, join(one, "10-a"));
    assert.equal(hooks[0].limitMs, 9);
  });

  test("a directory that is a file is told, not skipped", () => {
    const path = script(at("file"), "");
    assert.throws(
      () => findScripts({ directories: [path], limitMs: 9 }),
      { message: `Cannot read the hooks in ${path}: ENOTDIR` },
    );
  });
});

describe("running a script", () => {
  test("gives the phase, the facts, and nothing of the agent's own", async () => {
    process.env.LULL_TEST_SECRET = "1";
    const path = script(at("env"), `#!/bin/sh\necho "$1 $#"; pwd; env`);
    const ran = await runScript(path, {
      ...FREEZE,
      phase: "thaw",
      outcome: "restored",
      hostTime: "2031-01-02T03:04:05Z",
    }, { limitMs: 5000 });
    delete process.env.LULL_TEST_SECRET;
    assert.equal(ran.status, "done", `${ran.reason}`);
    assert.equal(ran.exitCode, 0);
    const lines = ran[OUTPUT]!.split("\n");
    assert.deepEqual(lines.slice(0, 2), ["thaw 1", "/"]);
    assert.deepEqual(lines.filter((line) => line.startsWith("LULL_")).sort(), [
      "LULL_GENERATION=7",
      "LULL_HOST_TIME=2031-01-02T03:04:05Z",
      "LULL_KIND=full",
      "LULL_OPERATION=op",
      "LULL_OUTCOME=restored",
      "LULL_PHASE=thaw",
    ]);
    assert.ok(lines.some((line) => /^PATH=.*\/bin/.test(line)));
  });

  test("one without #! runs in a shell", async () => {
    const ran = await run(`echo "plain $1"`);
    assert.deepEqual([ran.status, ran[OUTPUT]], ["done", "plain freeze"]);
  });

  test("a failure tells its exit code and both outputs", async () => {
    const ran = await run("#!/bin/sh\necho out; echo err >&2; exit 3");
    assert.deepEqual([ran.status, ran.exitCode, ran.reason], [
      "failed",
      3,
      "exit code 3",
    ]);
    assert.deepEqual(ran[OUTPUT]?.split("\n").sort(), ["err", "out"]);
  });

  test("one that dies of a signal is a failure", async () => {
    const killed = await run("#!/bin/sh\nkill -TERM $$");
    assert.deepEqual([killed.status, killed.reason], [
      "failed",
      "killed by SIGTERM",
    ]);
  });

  test("output is kept up to the cap, and never blocks the script", async () => {
    const ran = await run(
      "#!/bin/sh\nhead -c 1000000 /dev/zero | tr '\\0' x",
    );
    assert.equal(ran.status, "done", `${ran.reason}`);
    assert.match(ran[OUTPUT]!, /^x{4096}\.\.\. \(truncated, \d+ bytes more\)$/);
  });

  test("one that hangs is killed at its limit with all its children", async () => {
    const [own, child] = [at("hang-own"), at("hang-child")];
    const ran = await run(
      `#!/bin/sh
sh -c 'trap "" TERM HUP INT; echo $$ > ${child}; while :; do sleep 1; done' &
trap "" TERM
echo $$ > ${own}
echo working
while :; do sleep 1; done`,
      2000,
    );
    assert.equal(ran.status, "timeout");
    assert.equal(ran.reason, "not done within 2000 ms");
    assert.equal(ran[OUTPUT], "working");
    assert.ok(ran.ms >= 1999, `${ran.ms} ms`);
    for (const path of [own, child]) {
      const pid = await pidIn(path);
      await until(`${path} to be gone`, () => !runs(pid));
    }
  });

  test("a child that keeps the output open does not hold up the end", async () => {
    const path = at("background");
    const ran = await run(
      `#!/bin/sh\nsh -c 'echo $$ > ${path}; exec sleep 30' &\necho left`,
    );
    const pid = await pidIn(path);
    assert.deepEqual([ran.status, ran[OUTPUT]], ["done", "left"]);
    assert.ok(ran.ms < 20_000, `${ran.ms} ms`);
    assert.ok(runs(pid), "a script that ended well may leave one behind");
    process.kill(Number(pid), "SIGKILL");
  });

  test("who a failed script left behind is killed", async () => {
    const path = at("failed-background");
    const ran = await run(
      `#!/bin/sh
sh -c 'trap "" TERM; echo $$ > ${path}; while :; do sleep 1; done' &
while [ ! -s ${path} ]; do :; done
exit 1`,
    );
    assert.equal(ran.status, "failed");
    const pid = await pidIn(path);
    await until("the child to be gone", () => !runs(pid));
  });

  test("one that is given up is killed", async () => {
    const giveUp = new AbortController();
    const path = at("aborted");
    const ran = run(
      `#!/bin/sh\necho $$ > ${path}\nwhile :; do sleep 1; done`,
      5000,
      giveUp.signal,
    );
    const pid = await pidIn(path);
    giveUp.abort();
    assert.equal((await ran).status, "aborted");
    await until("the script to be gone", () => !runs(pid));
  });
});
