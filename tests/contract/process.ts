import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  commandOf,
  runtimeOf,
  type Target,
  TestAgent,
} from "../support/agent.ts";
import { memoryOf, socketsOn } from "../support/proc.ts";
import { Raw } from "../support/raw.ts";
import { silence } from "../support/silence.ts";
import { until } from "../support/until.ts";

/**
 * The most that a quiesced agent may have of its own, in bytes. Of 32 binaries
 * after load the smallest has 8.3 MiB and the largest 9.0, by chance alone.
 */
const PRIVATE_DIRTY_MOST = {
  binary: 9.5 * 2 ** 20,
  bun: 24 * 2 ** 20,
  deno: 32 * 2 ** 20,
  bundle: 26 * 2 ** 20,
};
/** How long silence is listened to. */
const SILENCE_MS = 5000;

function run(target: Target, args: string[], env: Record<string, string> = {}) {
  const [command, ...rest] = commandOf(target);
  return spawnSync(command, [...rest, ...args], {
    encoding: "utf8",
    env: { ...globalThis.process.env, ...env },
  });
}

/** The process: its start, its silence, its end. */
export function process(target: Target): void {
  describe(`process on ${target}`, () => {
    test("--version and --help answer and end", () => {
      const version = run(target, ["--version"]);
      assert.equal(version.status, 0);
      assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
      const help = run(target, ["--help"]);
      assert.equal(help.status, 0);
      assert.match(help.stdout, /--scan-interval-ms/);
    });

    test("a wrong value names the option and ends with 2", () => {
      const flag = run(target, ["--port=http"]);
      assert.equal(flag.status, 2);
      assert.match(flag.stderr, /^lull: Cannot use --port: .*"http"\n$/);
      const variable = run(target, [], { LULL_PORT: "70000" });
      assert.equal(variable.status, 2);
      assert.match(variable.stderr, /LULL_PORT/);
    });

    if (target === "binary") {
      test("the files of Bun in the working directory have no effect", () => {
        const cwd = mkdtempSync(join(tmpdir(), "lull-cwd-"));
        try {
          writeFileSync(join(cwd, ".env"), "LULL_PORT=none\n");
          const preload = 'preload = ["./no-such-module.ts"]\n';
          writeFileSync(join(cwd, "bunfig.toml"), preload);
          const [command] = commandOf(target);
          const ran = spawnSync(command, ["--version"], {
            cwd,
            encoding: "utf8",
          });
          assert.equal(ran.stderr, "");
          assert.equal(ran.status, 0);
        } finally {
          rmSync(cwd, { recursive: true });
        }
      });
    }

    test("a taken port is an error, in one sentence, that ends with 1", async () => {
      const agent = await TestAgent.start(target);
      try {
        const { status, stderr } = run(target, [
          "--host=127.0.0.1",
          `--port=${agent.port}`,
          `--runtime-directory=${agent.directory}/other`,
        ]);
        assert.equal(status, 1);
        assert.match(
          stderr,
          /^lull: Cannot listen on 127\.0\.0\.1:\d+: EADDRINUSE; [^\n]+\n$/,
        );
      } finally {
        await agent.stop();
      }
    });

    test("what the start needed is not inherited", async () => {
      const agent = await TestAgent.start(target);
      try {
        const environment = readFileSync(`/proc/${agent.pid}/environ`, "utf8");
        // Bun reads it before any code runs: it must be there for its start.
        if (runtimeOf(target) === "bun") {
          assert.match(environment, /BUN_GC_TIMER_DISABLE=1/);
        }
      } finally {
        await agent.stop();
      }
    });

    test("SIGTERM ends it with 0, a quiesced one after its recovery", async () => {
      await using agent = await TestAgent.start(target);
      await agent.settle();
      assert.equal(await agent.stop(), 0);
      const recovered = agent.lines().find(({ message }) =>
        message === "recovered"
      );
      assert.equal(recovered?.trigger, "signal");
      assert.equal(recovered?.outcome, "aborted");
    });

    // What other processes have mapped too stays: hence a file of its own, and
    // not the runtimes that run the tests.
    if (target === "binary") {
      test("what only the start needed of the program is out of memory", async () => {
        await using copy = new CopiedAgent(target);
        await (await copy.start("never")).health();
        const whole = copy.program();
        const agent = await copy.start("start");
        await until("half of it out", () => copy.program() < whole / 2);
        // As prepare does: or each page that comes back brings its neighbours.
        forget(copy.path);
        assert.equal((await agent.health()).status, 200);
        // The end of the start and health need a half of it, with its neighbours.
        const left = copy.program();
        assert.ok(left < whole * 2 / 3, `${left} of ${whole} bytes`);
      });

      test("a prepare keeps what a recovery needs, also as the first request of all", async () => {
        await using copy = new CopiedAgent(target);
        await (await copy.start("settle")).settle();
        const none = copy.program();
        await (await copy.start("unneeded")).settle();
        const kept = copy.program();
        assert.ok(kept > none + 2 ** 20, `${kept} bytes, beside ${none}`);
      });
    }

    test(
      "after load, quiesced: silent, small, alone, also with an idle connection",
      { timeout: 180_000 },
      async () => {
        const agent = await TestAgent.start(target, [
          "--no-forward-ports",
          "--log-level=info",
          "--page-out=settle",
        ]);
        try {
          await load(agent);
          await agent.settle();
          await until(
            "no connection",
            () => socketsOn(agent.port, "01").length === 0,
          );
          // What allocators give back, they give back some moments later.
          await until(
            `at most ${PRIVATE_DIRTY_MOST[target]} bytes of private memory`,
            () =>
              memoryOf(agent.pid, "Private_Dirty") <=
                PRIVATE_DIRTY_MOST[target],
          );
          await silence(agent.pid, SILENCE_MS);
          const idle = await Raw.open(agent.port);
          await silence(agent.pid, SILENCE_MS);
          idle.destroy();
          assert.equal((await agent.health()).status, 200);
        } finally {
          await agent.stop();
        }
      },
    );
  });
}

/** An agent whose program is a file of its own, which no other process has mapped. */
class CopiedAgent implements AsyncDisposable {
  readonly #target: Target;
  readonly #directory = mkdtempSync(join(tmpdir(), "lull-copy-"));
  readonly path = join(this.#directory, "lull");
  #agent: TestAgent | undefined;

  constructor(target: Target) {
    this.#target = target;
    copyFileSync(commandOf(target)[0], this.path);
    // What is not on the disk yet cannot leave the memory.
    assert.equal(spawnSync("sync", [this.path]).status, 0);
  }

  /** Starts it anew. */
  async start(pageOut: string): Promise<TestAgent> {
    await this.#agent?.stop();
    return this.#agent = await TestAgent.start(
      this.#target,
      ["--no-forward-ports", "--log-level=info", `--page-out=${pageOut}`],
      {},
      ["sh", "-c", `shift; exec ${this.path} "$@"`, "sh"],
    );
  }

  /** Bytes of the program that are in memory. */
  program(): number {
    const { pid } = this.#agent!;
    return memoryOf(pid, "Rss") - memoryOf(pid, "Anonymous");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.stop();
    rmSync(this.#directory, { recursive: true });
  }
}

/** 16 connections that ask for health for two seconds. */
async function load(agent: TestAgent): Promise<void> {
  const end = performance.now() + 2000;
  await Promise.all(Array.from({ length: 16 }, async () => {
    const raw = await Raw.open(agent.port);
    while (performance.now() < end) {
      raw.request("GET", "/health");
      assert.equal((await raw.response()).status, 200);
    }
  }));
}

/** A file out of the page cache, but for what a process has mapped. */
function forget(path: string): void {
  const { status, stderr } = spawnSync("dd", [
    `if=${path}`,
    "iflag=nocache",
    "count=0",
  ]);
  assert.equal(status, 0, String(stderr));
}
