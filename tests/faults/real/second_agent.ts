import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  type Ran,
  runAgent,
  runtimeOf,
  type Target,
  TestAgent,
} from "../../support/agent.ts";
import { Guest, notingHook } from "../../support/guest.ts";
import { descriptorsOf } from "../../support/proc.ts";
import { withoutFfi, works } from "./round.ts";

/** A guest with a hook that notes its calls and what it inherited. */
function newGuest(target: Target): Guest {
  return new Guest(
    target,
    (path) =>
      // The process that stays in the background would keep an inherited lock.
      `${notingHook(path)}ls -l /proc/self/fd >> ${path}/inherited
[ "$1" = freeze ] && { sleep 5 >/dev/null 2>&1 & }
true
`,
  );
}

/** Each file of the runtime directory with its time and, if it is no socket, its content. */
function filesOf({ run }: Guest): Record<string, unknown> {
  const names = readdirSync(run, { recursive: true }) as string[];
  return Object.fromEntries(
    names.sort().map((name) => {
      const path = join(run, name);
      const stats = statSync(path);
      const text = stats.isFile() ? readFileSync(path, "latin1") : undefined;
      return [name, [stats.ino, stats.mtimeMs, stats.mode, text]];
    }),
  );
}

function assertRefused({ status, stderr }: Ran, first: TestAgent, run: string) {
  assert.match(stderr, /^lull: Cannot start: [^\n]+\n$/);
  assert.ok(stderr.includes(`process ${first.pid} `), stderr);
  assert.ok(stderr.includes(`directory ${run};`), stderr);
  assert.equal(status, 1);
}

/** A second agent with the runtime directory of one that runs. */
export function secondAgent(target: Target): void {
  describe(`a second agent on ${target}`, () => {
    test("ends with one line, and touches nothing", async () => {
      await using guest = newGuest(target);
      const first = await guest.start();
      assert.equal((await first.settle()).status, 200);
      assert.deepEqual(guest.calls, ["freeze"]);
      const before = filesOf(guest);
      assert.ok("journal" in before && "lock" in before);
      // The port is free: nothing but the lock can stop the second agent.
      const ran = runAgent(target, [
        ...guest.flags,
        "--listen=127.0.0.1:0",
        `--hooks-socket=${guest.run}/second.sock`,
      ]);
      assertRefused(ran, first, guest.run);
      assert.deepEqual(filesOf(guest), before);
      assert.deepEqual(guest.calls, ["freeze"]);
      assert.equal((await first.status()).state, "quiesced");
      assert.equal((await first.health()).status, 200);
      assert.deepEqual(guest.calls, ["freeze", "thaw"]);
    });

    test("starts once the first was killed, and repairs", async () => {
      await using guest = newGuest(target);
      const first = await guest.start();
      await first.settle();
      await guest.kill(first);
      const second = await guest.start();
      assert.deepEqual(guest.calls, ["freeze", "thaw"]);
      const lock = readFileSync(join(guest.run, "lock"), "latin1");
      assert.equal(lock, `${second.pid}\n`);
    });

    test("hooks do not inherit the lock", async () => {
      await using guest = newGuest(target);
      const agent = await guest.start();
      await agent.settle();
      await agent.health();
      const lock = join(guest.run, "lock");
      assert.ok(descriptorsOf(agent.pid).includes(lock));
      const inherited = guest.read("inherited");
      assert.ok(inherited !== "" && !inherited.includes(lock), inherited);
    });

    // Not on Deno: without FFI, Deno refuses to read /proc/self/fdinfo, which shows
    // whether the program flock has taken the lock.
    if (runtimeOf(target) === "bun") refusedWithoutLibc(target);

    test("a directory that cannot be locked is said, and no more", async () => {
      await using agent = await TestAgent.start(target, [
        "--runtime-directory=/proc/lull",
      ]);
      assert.match(agent.output, /runtime directory could not be locked/);
      assert.equal((await agent.health()).status, 200);
    });
  });
}

function refusedWithoutLibc(target: Target): void {
  test("is refused without a C library, too", {
    skip: works("flock", "--version") ? false : "there is no program flock",
  }, async () => {
    await using guest = newGuest(target);
    const { env } = withoutFfi(target);
    await using first = await TestAgent.start(target, guest.flags, env);
    assert.ok(first.output.includes("C library could not be loaded"));
    const flags = [...guest.flags, "--listen=127.0.0.1:0"];
    for (const withLibc of [env, {}]) {
      assertRefused(runAgent(target, flags, withLibc), first, guest.run);
    }
    await guest.kill(first);
    await guest.start();
  });
}
