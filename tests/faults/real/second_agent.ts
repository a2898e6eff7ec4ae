import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  type Ran,
  runAgent,
  runtimeOf,
  type Target,
  TestAgent,
} from "../../support/agent.ts";
import { script, temporary } from "../../support/hooks.ts";
import { descriptorsOf } from "../../support/proc.ts";
import { until } from "../../support/until.ts";
import { withoutFfi, works } from "./round.ts";

/** A guest with a hook that notes its calls and what it inherited. */
class Guest implements Disposable {
  readonly #directory = temporary();
  readonly #calls = join(this.#directory.path, "calls");
  readonly run = join(this.#directory.path, "run");
  readonly #hooks = join(this.#directory.path, "hooks");

  constructor() {
    mkdirSync(this.#hooks);
    // The process that stays in the background would keep an inherited lock.
    script(
      join(this.#hooks, "hook"),
      `#!/bin/sh
echo "$1" >> ${this.#calls}
ls -l /proc/self/fd >> ${this.#directory.path}/inherited
[ "$1" = freeze ] && { sleep 5 >/dev/null 2>&1 & }
true
`,
    );
  }

  get flags(): string[] {
    return [
      `--runtime-directory=${this.run}`,
      `--hook-directories=${this.#hooks}`,
    ];
  }

  /** The calls of the hook so far, in their order. */
  get calls(): string[] {
    if (!existsSync(this.#calls)) return [];
    return readFileSync(this.#calls, "utf8").trim().split("\n");
  }

  /** What the hook's process had open. */
  get inherited(): string {
    return readFileSync(join(this.#directory.path, "inherited"), "utf8");
  }

  /** Each file of the runtime directory with its time and, if it is no socket, its content. */
  get files(): Record<string, unknown> {
    const names = readdirSync(this.run, { recursive: true }) as string[];
    return Object.fromEntries(
      names.sort().map((name) => {
        const path = join(this.run, name);
        const stats = statSync(path);
        const text = stats.isFile() ? readFileSync(path, "latin1") : undefined;
        return [name, [stats.ino, stats.mtimeMs, stats.mode, text]];
      }),
    );
  }

  [Symbol.dispose](): void {
    this.#directory.remove();
  }
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
      using guest = new Guest();
      await using first = await TestAgent.start(target, guest.flags);
      assert.equal((await first.settle()).status, 200);
      assert.deepEqual(guest.calls, ["freeze"]);
      const before = guest.files;
      assert.ok("journal" in before && "lock" in before);
      // The port is free: nothing but the lock can stop the second agent.
      const ran = runAgent(target, [
        ...guest.flags,
        "--listen=127.0.0.1:0",
        `--hooks-socket=${guest.run}/second.sock`,
      ]);
      assertRefused(ran, first, guest.run);
      assert.deepEqual(guest.files, before);
      assert.deepEqual(guest.calls, ["freeze"]);
      assert.equal((await first.status()).state, "quiesced");
      assert.equal((await first.health()).status, 200);
      assert.deepEqual(guest.calls, ["freeze", "thaw"]);
    });

    test("starts once the first was killed, and repairs", async () => {
      using guest = new Guest();
      await using first = await TestAgent.start(target, guest.flags);
      await first.settle();
      first.kill("SIGKILL");
      await until("its end", () => first.exitCode !== undefined);
      await using second = await TestAgent.start(target, guest.flags);
      assert.deepEqual(guest.calls, ["freeze", "thaw"]);
      const lock = readFileSync(join(guest.run, "lock"), "latin1");
      assert.equal(lock, `${second.pid}\n`);
    });

    test("hooks do not inherit the lock", async () => {
      using guest = new Guest();
      await using agent = await TestAgent.start(target, guest.flags);
      await agent.settle();
      await agent.health();
      const lock = join(guest.run, "lock");
      assert.ok(descriptorsOf(agent.pid).includes(lock));
      assert.ok(!guest.inherited.includes(lock), guest.inherited);
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
    using guest = new Guest();
    const { env } = withoutFfi(target);
    await using first = await TestAgent.start(target, guest.flags, env);
    assert.ok(first.output.includes("C library could not be loaded"));
    const flags = [...guest.flags, "--listen=127.0.0.1:0"];
    for (const withLibc of [env, {}]) {
      assertRefused(runAgent(target, flags, withLibc), first, guest.run);
    }
    first.kill("SIGKILL");
    await until("its end", () => first.exitCode !== undefined);
    await using _second = await TestAgent.start(target, guest.flags);
  });
}
