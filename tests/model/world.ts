/**
 * The real agent as the model test drives it, and what the kernel says of it.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type Target, TestAgent } from "../support/agent.ts";
import { startAnother } from "../support/another_agent.ts";
import { temporary } from "../support/hooks.ts";
import { withoutHardwareRandom } from "../support/no_hardware_random.ts";
import {
  descriptorsOf,
  masksOf,
  memoryOf,
  socketsOn,
  threadsOf,
} from "../support/proc.ts";
import { until } from "../support/until.ts";
import { again, type Reply, Wire } from "../support/wire.ts";
import type { Status } from "./documents.ts";
import type { Model } from "./model.ts";
import { HOOK_LIMIT_MS, Programs } from "./programs.ts";
import { Servers } from "./servers.ts";

/** What a connection of the test's own is doing. */
export type Kind = "idle" | "half" | "body" | "silent";

/** What must not grow. */
export interface Holdings {
  readonly threads: number;
  readonly descriptors: number;
  /** Private dirty memory in bytes. */
  readonly dirty: number;
}

/** The agent, and everything that the test holds beside it. */
export class World {
  readonly agent: TestAgent;
  readonly #directory: ReturnType<typeof temporary>;
  /** The mask of every thread of an agent that runs. */
  readonly #mask: string;
  readonly #pinned: string;
  #control: Wire | undefined;
  readonly programs: Programs;
  /** Nothing but a host gives the agent entropy. */
  readonly knowsEntropy: boolean;
  readonly #target: Target;
  readonly open: { readonly kind: Kind; readonly wire: Wire }[] = [];
  readonly servers: Servers;

  private constructor(
    target: Target,
    agent: TestAgent,
    directory: ReturnType<typeof temporary>,
    knowsEntropy: boolean,
  ) {
    this.#target = target;
    this.agent = agent;
    const socket = join(agent.directory, "hooks.sock");
    this.programs = new Programs(directory.path, socket);
    this.knowsEntropy = knowsEntropy;
    this.servers = new Servers();
    this.#directory = directory;
    this.#mask = masksOf(agent.pid).get(agent.pid)!;
    this.#pinned = /\d+$/.exec(this.#mask)![0];
  }

  static async start(target: Target): Promise<World> {
    const directory = temporary();
    const devices = temporary();
    const prefix = withoutHardwareRandom(devices.path);
    const agent = await TestAgent.start(
      target,
      [
        `--hook-directories=${directory.path}`,
        `--hook-limit-ms=${HOOK_LIMIT_MS}`,
        "--hook-continue=lenient",
        // This machine has other work to do, and its connections are not ours.
        "--drop-caches=off",
        "--no-compact-memory",
        "--no-reset-connections",
        // Its clock is right, and a test that waits for a CPU tells an old time.
        "--clock-tolerance-ms=3600000",
        "--log-level=info",
      ],
      {},
      prefix,
    );
    devices.remove();
    const knowsEntropy = prefix.length > 0 || !existsSync("/dev/hwrng");
    return new World(target, agent, directory, knowsEntropy);
  }

  /** One request, on the connection that is at hand, or on a new one. */
  async ask(method: string, path: string, body = ""): Promise<Reply> {
    const wire = this.#control ?? await Wire.open(this.agent.port);
    this.#control = undefined;
    const reply = await wire.ask(method, path, body);
    if (reply.closes || wire.closed) wire.end();
    else this.#control = wire;
    return reply;
  }

  /** The test's own clients no longer use a kept-alive connection. */
  hangUp(): void {
    this.#control?.end();
    this.#control = undefined;
  }

  /** The status, on a connection of its own: a prepare ends those that idle. */
  async freshStatus(): Promise<Status> {
    this.hangUp();
    return await this.status();
  }

  async status(): Promise<Status> {
    const ask = () => this.ask("GET", "/snapshot");
    // One that was kept for the next request must still be there.
    const fresh = this.#control === undefined;
    return JSON.parse((await (fresh ? again(ask) : ask())).body);
  }

  /** Asks all at once, each on a connection of its own. */
  async atOnce(calls: readonly string[]): Promise<Reply[]> {
    this.hangUp();
    const ask = async (call: string) => {
      const [method, path] = call.split(" ");
      const wire = await Wire.open(this.agent.port);
      try {
        return await wire.ask(method, path);
      } finally {
        wire.end();
      }
    };
    return await Promise.all(calls.map((call) => again(() => ask(call))));
  }

  /** Opens a connection that then waits, in one of four ways. */
  async connect(kind: Kind): Promise<void> {
    const wire = await Wire.open(this.agent.port);
    this.open.push({ kind, wire });
    switch (kind) {
      case "idle":
        await wire.ask("GET", "/snapshot");
        break;
      case "half":
        wire.send("POST /snapshot/prepare HTTP/1.1\r\nhost: lu");
        break;
      case "body":
        wire.send(
          "POST /snapshot/recover HTTP/1.1\r\nhost: lull\r\n" +
            'content-length: 99\r\n\r\n{"out',
        );
    }
  }

  /** A prepare must have ended every connection but those still being answered. */
  async allGone(): Promise<void> {
    this.hangUp();
    for (const { kind, wire } of this.open.splice(0)) {
      await wire.gone(`a ${kind} connection`);
    }
    await until(
      "the end of every connection",
      () => socketsOn(this.agent.port, "01").length === 0,
    );
  }

  /** Ends all connections of the test's own. */
  async closeAll(): Promise<void> {
    for (const { wire } of this.open.splice(0)) wire.end();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  /** Every thread has its old mask, or all of them the last CPU alone. */
  get masks(): "free" | "pinned" | "mixed" {
    const masks = new Set(masksOf(this.agent.pid).values());
    if (masks.size > 1) return "mixed";
    // On one CPU both are the same.
    if (masks.has(this.#mask)) return "free";
    return masks.has(this.#pinned) ? "pinned" : "mixed";
  }

  /** Whether a host of this agent may give entropy: root's alone to take. */
  get mayGiveEntropy(): boolean {
    return process.getuid?.() === 0;
  }

  get canPin(): boolean {
    return this.#mask !== this.#pinned;
  }

  /** Another agent on the same runtime directory ends by itself. */
  startAnother(): Promise<void> {
    const { directory } = this.agent;
    return startAnother(this.#target, [
      `--runtime-directory=${directory}`,
      `--hooks-socket=${directory}/hooks.sock`,
      `--hook-directories=${this.#directory.path}`,
    ]);
  }

  /** Stops the process, as a hypervisor stops the machine, and lets it go on. */
  async standStill(ms: number): Promise<void> {
    this.agent.kill("SIGSTOP");
    await until("the stop", () => /^State:\tT/m.test(this.#procStatus()));
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.agent.kill("SIGCONT");
  }

  /** What the agent holds when it is quiesced and has no connection. */
  async holdings(): Promise<Holdings> {
    await this.ask("POST", "/snapshot/prepare?wait=settled");
    await this.allGone();
    const { pid } = this.agent;
    const held = {
      threads: threadsOf(pid).length,
      descriptors: descriptorsOf(pid).length,
      dirty: memoryOf(pid, "Private_Dirty"),
    };
    await this.ask("POST", "/snapshot/recover");
    return held;
  }

  /** Back to how it started, for the next sequence. */
  async reset({ refuses, program }: Model): Promise<void> {
    if (refuses) this.programs.setHook("refuse", false);
    if (program !== undefined) await this.programs.leave();
    await this.closeAll();
    this.servers.end();
    await this.ask("POST", "/snapshot/recover");
    // Without the entropy of the last sequence, and what it required.
    await this.ask("POST", "/snapshot/prepare");
    this.hangUp();
    await this.ask("POST", "/snapshot/recover", '{"requireEntropy":false}');
  }

  async end(): Promise<void> {
    this.hangUp();
    this.programs.end();
    for (const { wire } of this.open) wire.end();
    this.servers.end();
    await this.agent.stop();
    this.#directory.remove();
  }

  #procStatus(): string {
    return readFileSync(`/proc/${this.agent.pid}/status`, "utf8");
  }
}
