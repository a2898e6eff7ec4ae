/**
 * A guest whose agents come and go: a runtime directory and a hook that outlive them.
 * @module
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Target, TestAgent } from "./agent.ts";
import { script, temporary } from "./hooks.ts";
import { until } from "./until.ts";

/** The beginning of a hook that notes its calls in the guest's directory. */
export function notingHook(path: string): string {
  return `#!/bin/sh\necho "$1" >> ${path}/calls\n`;
}

/** A hook that notes its calls, and waits as long as the guest holds the phase. */
export function waitingHook(path: string): string {
  return `${
    notingHook(path)
  }while [ -e ${path}/hold-$1 ]; do sleep 0.02; done\n`;
}

/** The guest; with `await using`, it and its agents end with the test. */
export class Guest implements AsyncDisposable {
  readonly #directory = temporary();
  readonly path = this.#directory.path;
  /** The runtime directory. */
  readonly run = join(this.path, "run");
  readonly socket = join(this.run, "hooks.sock");
  readonly hook = join(this.path, "hooks", "10-hook");
  readonly #agents: TestAgent[] = [];

  /** `hook` makes the script that is the guest's hook; it gets the path of the guest. */
  constructor(readonly target: Target, hook?: (path: string) => string) {
    mkdirSync(join(this.path, "hooks"));
    if (hook !== undefined) script(this.hook, hook(this.path));
  }

  /** The flags of an agent in this guest. */
  get flags(): string[] {
    return [
      `--runtime-directory=${this.run}`,
      `--hooks-socket=${this.socket}`,
      `--hook-directories=${this.path}/hooks`,
    ];
  }

  /** Starts an agent, and waits for its hooks socket. */
  async start(...flags: string[]): Promise<TestAgent> {
    const all = [...this.flags, ...flags];
    const agent = await TestAgent.start(this.target, all);
    this.#agents.push(agent);
    await until("the hooks socket", () => existsSync(this.socket));
    return agent;
  }

  /** Kills an agent. */
  async kill(agent: TestAgent): Promise<void> {
    agent.kill("SIGKILL");
    await until("its end", () => agent.exitCode !== undefined);
  }

  /** The phases that the hook was called with so far, in their order. */
  get calls(): string[] {
    const text = this.read("calls");
    return text === "" ? [] : text.trim().split("\n");
  }

  /** A file in the guest's directory; empty if there is none. */
  read(name: string): string {
    const path = join(this.path, name);
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  /** Makes a waiting hook wait in its next call of this phase. */
  hold(phase: "freeze" | "thaw"): void {
    script(join(this.path, `hold-${phase}`), "");
  }

  /** Lets a waiting hook end. */
  letGo(phase: "freeze" | "thaw"): void {
    this.#directory.forget(`hold-${phase}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.letGo("freeze");
    this.letGo("thaw");
    for (const agent of this.#agents) await agent.stop();
    this.#directory.remove();
  }
}
