/** `lull ready` and `lull wait --for ready`, with a real agent. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runtimeName } from "../../src/runtime/mod.ts";
import { TestAgent } from "../support/agent.ts";
import { type Debt, oweKill } from "../support/cleanup.ts";
import { runLull } from "../support/cli.ts";
import { script, temporary } from "../support/hooks.ts";
import { silence } from "../support/silence.ts";
import { until } from "../support/until.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url).href);
const isDeno = basename(process.execPath).startsWith("deno");

/** A run of a command that waits. */
class Waiting {
  stdout = "";
  stderr = "";
  code: number | null | undefined;
  readonly #child: ChildProcess;
  readonly #debt: Debt;

  constructor(...args: string[]) {
    this.#child = spawn(process.execPath, [
      "run",
      ...isDeno ? ["-A", "--no-check", "--cached-only"] : [],
      MAIN,
      ...args,
    ], { stdio: ["ignore", "pipe", "pipe"] });
    this.#debt = oweKill(this.#child.pid!);
    this.#child.stdout!.on("data", (text) => this.stdout += text);
    this.#child.stderr!.on("data", (text) => this.stderr += text);
    this.#child.on("close", (code) => {
      this.code = code;
      this.#debt.settled();
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async ended(): Promise<number | null> {
    await until("the end of the command", () => this.code !== undefined);
    return this.code!;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

describe("lull ready", () => {
  let agent: TestAgent;
  const directory = temporary();
  const failure = join(directory.path, "failure");
  const hook = {
    fails: (isFailing: boolean) =>
      isFailing ? writeFileSync(failure, "") : directory.forget("failure"),
  };
  before(async () => {
    const hooks = join(directory.path, "hooks.d");
    mkdirSync(hooks);
    script(join(hooks, "hook"), `#!/bin/sh\n[ ! -e ${failure} ]\n`);
    agent = await TestAgent.start(runtimeName(), [
      "--no-forward-ports",
      `--hook-directories=${hooks}`,
    ]);
  });
  after(async () => {
    await agent?.stop();
    directory.remove();
  });
  const ready = (...more: string[]) =>
    new Waiting(
      "ready",
      `--runtime-directory=${agent.directory}`,
      ...more,
    );
  const waiting = (count: number | undefined) =>
    until(
      `${count} that wait`,
      async () => (await agent.status()).ready === count,
    );

  test("waits for the recovery, and prints the identity of this fork", async () => {
    const host = new Waiting(
      ...["wait", "--for", "ready", "--json"],
      `--url=http://127.0.0.1:${agent.port}`,
    );
    const first = ready();
    assert.equal(await host.ended(), 0, host.stderr);
    const { generation, ...seen } = JSON.parse(host.stdout);
    assert.deepEqual(seen, { state: "running", settled: false, ready: 1 });

    const second = ready();
    await waiting(2);
    await agent.settle();
    // It neither wakes up in a quiesced guest, nor wakes the agent.
    await silence(agent.pid, 1500);
    await silence(first.pid, 1500);
    assert.equal(first.stdout, "");
    await agent.ask(
      ...["POST", "/snapshot/recover", '{"outcome":"restored"}'] as const,
    );
    const { operation } = (await agent.status()).lastRecovery;
    for (const program of [first, second]) {
      assert.equal(await program.ended(), 0, program.stderr);
      const identity = JSON.parse(program.stdout);
      assert.equal(identity.generation, generation + 1);
      assert.equal(identity.outcome, "restored");
      assert.equal(identity.operation, operation);
      assert.equal(typeof identity.hostname, "string");
      assert.ok(Array.isArray(identity.addresses));
    }
    await waiting(undefined);
  });

  test("goes on in the machine that was snapshotted, too: the outcome says so", async () => {
    const program = ready();
    await waiting(1);
    await agent.settle();
    await agent.health();
    assert.equal(await program.ended(), 0);
    assert.equal(JSON.parse(program.stdout).outcome, "resumed");
  });

  test("does not go on after a prepare that failed", async () => {
    const program = ready();
    await waiting(1);
    hook.fails(true);
    assert.equal((await agent.settle()).status, 503);
    hook.fails(false);
    await waiting(1);
    assert.equal(program.code, undefined);
    await agent.settle();
    await agent.health();
    assert.equal(await program.ended(), 0);
  });

  test("that is killed no longer counts", async () => {
    const program = ready();
    await waiting(1);
    program.kill();
    await waiting(undefined);
  });

  test("has a time limit only if one is given", async () => {
    const program = ready("--timeout=0.5");
    assert.equal(await program.ended(), 1);
    assert.equal(
      program.stderr,
      "lull: Cannot wait for the recovery: there was none within 0.5 s\n",
    );
    assert.equal(program.stdout, "");
    await waiting(undefined);
  });

  test("ends if the agent ends", async () => {
    await using other = await TestAgent.start(runtimeName());
    const socket = `--runtime-directory=${other.directory}`;
    const program = new Waiting("ready", socket);
    await until("the wait", async () => (await other.status()).ready === 1);
    other.kill("SIGKILL");
    assert.equal(await program.ended(), 3);
    assert.equal(
      program.stderr,
      "lull: Cannot wait for the recovery: the agent has ended\n",
    );
  });

  test("says what is wrong", () => {
    const none = runLull(["ready", "--runtime-directory=/none/such"]);
    assert.equal(none.code, 3);
    assert.equal(
      none.stderr,
      "lull: Cannot wait for the recovery: Cannot connect to /none/such/ready.sock: ENOENT; is the agent running, with this --runtime-directory?\n",
    );
    const long = runLull(["ready", `--runtime-directory=/${"x".repeat(108)}`]);
    assert.match(long.stderr, /the path is too long/);
    const wrong = runLull(["ready", "--timeout=soon"]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /--timeout/);
    assert.equal(runLull(["ready", "--url=unix:/x"]).code, 2);
  });
});
