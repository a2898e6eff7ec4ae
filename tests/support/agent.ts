/**
 * Starts the real agent, on the runtime that the test names.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Debt, owe } from "./cleanup.ts";
import { denoVariables, v8Flags } from "./v8_flags.ts";
import { ask, type RawResponse } from "./raw.ts";
import { until } from "./until.ts";

/** What a test can run the agent on; the bundle is what Deno runs once built. */
export type Target = "deno" | "bun" | "binary" | "bundle";

const ROOT = fileURLToPath(new URL("../../", import.meta.url).href);

/** The command that starts the agent on a target. */
export function commandOf(target: Target): string[] {
  switch (target) {
    case "deno":
      return denoRun("main.ts");
    case "bundle":
      return denoRun(built("dist/deno/main.js"));
    case "bun":
      return ["bun", "run", join(ROOT, "main.ts")];
    case "binary":
      return [join(ROOT, built("dist/lull"))];
  }
}

/** The runtime under a target. */
export function runtimeOf(target: Target): "deno" | "bun" {
  return target === "deno" || target === "bundle" ? "deno" : "bun";
}

/** The environment of the agent on a target. */
function environmentOf(target: Target, more: Record<string, string>) {
  const own = runtimeOf(target) === "deno" ? denoVariables() : [];
  return {
    ...process.env,
    ...Object.fromEntries(own.map((word) => word.split("="))),
    ...more,
  };
}

/** The command that runs a script of this project on Deno. */
export function denoRun(script: string): string[] {
  return ["deno", "run", "-A", v8Flags(), join(ROOT, script)];
}

function built(path: string): string {
  if (existsSync(join(ROOT, path))) return path;
  throw new Error(`Cannot find ${path}: run make build first`);
}

/** A line of the agent's log. */
export type LogLine = Record<string, unknown> & { message: string };

/** How a run of the agent ended. */
export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the agent to its end, which must come by itself within a minute. */
export function runAgent(
  target: Target,
  flags: readonly string[],
  env: Record<string, string> = {},
  prefix: readonly string[] = [],
): Ran {
  const [command, ...args] = [...prefix, ...commandOf(target), ...flags];
  const { error, ...ran } = spawnSync(command, args, {
    encoding: "utf8",
    timeout: 60_000,
    killSignal: "SIGKILL",
    env: environmentOf(target, env),
  });
  if (error) throw error;
  return ran;
}

/**
 * The address from which agents forward ports: one of this test run's own, because agents of other
 * runs on this machine forward the same ports.
 */
export const FORWARD_ADDRESS = `127.${
  [16, 8, 0].map((bits) => 1 + (process.pid >> bits & 0x7f)).join(".")
}`;

/** An agent that runs. */
export class TestAgent implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #debt: Debt;
  /** Its runtime directory. */
  readonly directory: string;
  /** All of stderr so far. */
  output = "";
  port = 0;
  exitCode: number | null | undefined;

  private constructor(child: ChildProcess, directory: string) {
    this.#child = child;
    this.directory = directory;
    this.#debt = owe(`kill -s KILL ${child.pid}; rm -rf ${directory}\n`);
    child.stderr!.setEncoding("utf8");
    child.stderr!.on("data", (text) => this.output += text);
    // Not as it exits: its last words may still be on their way then.
    child.on("close", (code) => this.exitCode = code);
  }

  /**
   * Starts it on a free port of 127.0.0.1, forwarding from FORWARD_ADDRESS, and waits until it listens;
   * `prefix` is a program that starts it in its turn. An agent that does not listen is ended.
   */
  static async start(
    target: Target,
    flags: string[] = [],
    env: Record<string, string> = {},
    prefix: readonly string[] = [],
  ): Promise<TestAgent> {
    const agent = TestAgent.launch(target, flags, env, prefix);
    try {
      await agent.listening();
      return agent;
    } catch (error) {
      agent.kill("SIGKILL");
      await agent.stop();
      throw error;
    }
  }

  /** The same without the wait. */
  static launch(
    target: Target,
    flags: string[] = [],
    env: Record<string, string> = {},
    prefix: readonly string[] = [],
  ): TestAgent {
    const directory = mkdtempSync(join(tmpdir(), "lull-"));
    const [command, ...args] = [...prefix, ...commandOf(target)];
    const child = spawn(command, [
      ...args,
      "--host=127.0.0.1",
      "--port=0",
      `--forward-address=${FORWARD_ADDRESS}`,
      "--scan-interval-ms=100",
      "--log-level=debug",
      `--runtime-directory=${directory}`,
      `--hooks-socket=${directory}/hooks.sock`,
      "--guest-calls=allow",
      // A prepare of kind disk must not freeze the disks of this machine.
      "--no-freeze-all-mounts",
      // They are this machine's, not the agent's, and every prepare pays.
      "--drop-caches=off",
      "--zero-memory-mib=0",
      // The next agent would have to read the whole runtime from the disk again.
      "--page-out=never",
      ...flags,
    ], {
      stdio: ["ignore", "inherit", "pipe"],
      env: environmentOf(target, env),
    });
    return new TestAgent(child, directory);
  }

  /** Waits until it listens. */
  async listening(): Promise<void> {
    const line = await until("the agent to listen", () => {
      if (this.exitCode !== undefined) {
        throw new Error(`Cannot start the agent: ${this.output}`);
      }
      return this.lines().find(({ message }) => message === "listening");
    }, 60_000);
    this.port = Number(line.port);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Whether the test reads the log; true at first. */
  set listens(reads: boolean) {
    if (reads) this.#child.stderr!.resume();
    else this.#child.stderr!.pause();
  }

  /** The log so far. */
  lines(): LogLine[] {
    return this.output.split("\n").flatMap((line) => {
      try {
        return [JSON.parse(line)];
      } catch {
        return []; // not whole yet
      }
    });
  }

  /** One request on a connection of its own. */
  ask(
    method: string,
    path: string,
    body = "",
    headers: Record<string, string> = {},
  ): Promise<RawResponse> {
    return ask(this.port, method, path, body, headers);
  }

  /** Prepares, and waits for the settle. */
  async settle(): Promise<RawResponse> {
    return await this.ask("POST", "/snapshot/prepare?wait=settled");
  }

  async health(): Promise<RawResponse> {
    return await this.ask("GET", "/health");
  }

  /** Asks again, once, where a prepare closed the connection before it spoke. */
  // deno-lint-ignore no-explicit-any
  async status(): Promise<any> {
    const reply = await this.ask("GET", "/snapshot").catch(() =>
      this.ask("GET", "/snapshot")
    );
    return reply.json();
  }

  kill(signal: "SIGTERM" | "SIGINT" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    this.#child.kill(signal);
  }

  /** Ends it; gives its exit code. */
  async stop(): Promise<number | null> {
    if (this.exitCode === undefined) this.kill("SIGTERM");
    try {
      await until("the agent's end", () => this.exitCode !== undefined);
    } finally {
      if (this.exitCode === undefined) this.kill("SIGKILL");
      rmSync(this.directory, { recursive: true, force: true });
      this.#debt.settled();
    }
    return this.exitCode ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
