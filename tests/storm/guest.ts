/**
 * The guest around the agent, as a storm has it: hook scripts, a program, a
 * workload in a cgroup, a server on loopback.
 * @module
 */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import process from "node:process";
import { TestCgroup, withoutCgroups } from "../support/cgroup.ts";
import {
  assertPaired,
  assertThawedOnce,
  type Participant,
} from "../support/hook_log.ts";
import { temporary } from "../support/hooks.ts";
import { Program } from "../support/moody_program.ts";
import { withoutHardwareRandom } from "../support/no_hardware_random.ts";
import { until } from "../support/until.ts";
import { HookScript } from "./scripts.ts";

/**
 * Milliseconds that one hook may take, and all together: a note in a log takes a
 * few, and on a busy machine hundreds.
 */
const HOOK_LIMIT_MS = 2000;
const HOOKS_LIMIT_MS = 6000;

/** Several processes, one of which never rests. */
const WORKLOAD = `
for i in 1 2 3; do sleep 86400 & done
while :; do sleep 0.02; done
`;
const WORKLOAD_PROCESSES = 4;

/** Whether an agent has made this id of an operation, and not a host. */
const isMade = (operation: string) => /^[0-9a-f]{32}$/.test(operation);

/** Why the workload cannot be frozen here, or false. */
export const noWorkload = withoutCgroups();

/** Everything in the guest that the agent has an effect on. */
export class Guest {
  readonly #directory = temporary();
  readonly scripts: readonly HookScript[];
  readonly program: Program;
  readonly #cgroup: TestCgroup | undefined;
  readonly #server = net.createServer((socket) => socket.end());
  /** Its own: other agents of this machine forward from the usual one. */
  readonly #forward = `127.${64 + process.pid % 64}.${
    process.pid >> 8 & 255
  }.9`;

  /** How many calls each hook had got when this agent began. */
  readonly #begun = new Map<string, number>();
  /**
   * A host has required new entropy, so that health may be 503: also of an agent that is started
   * after that one.
   */
  entropyRequired = false;
  #prefix: readonly string[] | undefined;

  private constructor() {
    const directory = this.#directory.path;
    const hooks = join(directory, "hooks");
    mkdirSync(hooks);
    const path = `${process.env.PATH}`.split(":")
      .map((path) => join(path, "sleep"))
      .find((path) => isThere(path));
    symlinkSync(`${path}`, join(directory, "sleep"));
    const make = (name: string, required: boolean) =>
      new HookScript(name, { hooks, directory, required });
    this.scripts = [
      make("10-database", true),
      make("20-queue", true),
      make("30-cache", false),
    ];
    this.program = new Program(directory);
    this.#cgroup = noWorkload ? undefined : new TestCgroup();
  }

  static async start(): Promise<Guest> {
    const guest = new Guest();
    await guest.program.listen();
    await new Promise<void>((resolve) =>
      guest.#server.listen(0, "127.0.0.1", resolve)
    );
    await guest.#cgroup?.run(WORKLOAD, WORKLOAD_PROCESSES);
    return guest;
  }

  /** What an agent in this guest is started with. */
  get flags(): string[] {
    return [
      `--runtime-directory=${join(this.#directory.path, "run")}`,
      `--hooks-socket=${this.#hooksSocket}`,
      `--hook-directories=${join(this.#directory.path, "hooks")}`,
      "--hook-continue=30-cache",
      `--hook-limit-ms=${HOOK_LIMIT_MS}`,
      `--hooks-limit-ms=${HOOKS_LIMIT_MS}`,
      ...this.#cgroup ? [`--workload-cgroup=${this.#cgroup.path}`] : [],
      `--forward-address=${this.#forward}`,
      // Not the servers of other tests on this machine, which may be hundreds.
      `--forward-include=${(this.#server.address() as net.AddressInfo).port}`,
      // The storm never moves the clock of this machine, nor its connections.
      "--clock-tolerance-ms=3600000",
      "--no-reset-connections",
      "--no-compact-memory",
    ];
  }

  /** What starts an agent in this guest. */
  get prefix(): readonly string[] {
    return this.#prefix ??= withoutHardwareRandom(this.#directory.path);
  }

  /** The program registers with the agent, again if need be. */
  register(): Promise<void> {
    return this.program.register(this.#hooksSocket, { policy: "continue" });
  }

  get #hooksSocket(): string {
    return join(this.#directory.path, "run", "hooks.sock");
  }

  get participants(): readonly Participant[] {
    return [...this.scripts, this.program];
  }

  /** Whether the kernel says that the workload is frozen, if there is one. */
  get frozen(): boolean | undefined {
    return this.#cgroup?.frozen;
  }

  /** All calls of all hooks end well from now on. */
  calm(): void {
    for (const one of [...this.scripts, this.program]) {
      one.set("freeze", "fine");
      one.set("thaw", "fine");
    }
  }

  /** A killed agent cannot end its hooks. */
  killed(): void {
    for (const pid of this.#hookProcesses()) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // it has ended by itself
      }
    }
  }

  /** An agent has begun: what a killed one owed is paid. */
  begin(): void {
    for (const { name, calls } of this.participants) {
      this.#begun.set(name, calls.length);
    }
  }

  /** The workload runs, and every hook got its thaw, from this agent only once. */
  async assertThawed(): Promise<void> {
    assert.ok(!this.frozen, "the workload is frozen");
    for (const participant of this.participants) {
      const { name, calls } = participant;
      assertPaired(participant);
      // A thaw that fails is owed: the program gets it again as it registers.
      if (participant === this.program) continue;
      assertThawedOnce(name, calls.slice(this.#begun.get(name)), isMade);
    }
    await until(
      "the end of all hooks",
      () => this.#hookProcesses().length === 0,
      10_000,
    );
  }

  async end(): Promise<void> {
    this.program.close();
    this.#server.close();
    this.killed();
    await this.#cgroup?.end();
    this.#directory.remove();
  }

  /** Processes whose arguments name a hook of this guest. */
  #hookProcesses(): number[] {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name))
      .map(Number).filter((pid) => {
        const [program = "", script = ""] = argumentsOf(pid);
        const { path } = this.#directory;
        return program.startsWith(path) || script.startsWith(path);
      });
  }
}

function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0");
  } catch {
    return []; // ended in between
  }
}

function isThere(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}
