/**
 * The real agent as the model test drives it, and what the kernel says of it.
 */
import { readFileSync, unlinkSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import process from "node:process";
import { type Target, TestAgent } from "../support/agent.ts";
import { script, temporary } from "../support/hooks.ts";
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
  /** The address that it forwards from, as /proc/net/tcp has it. */
  readonly #forward: string;
  #control: Wire | undefined;
  readonly open: { readonly kind: Kind; readonly wire: Wire }[] = [];
  readonly servers = new Map<number, net.Server>();

  private constructor(
    agent: TestAgent,
    directory: ReturnType<typeof temporary>,
    forward: string,
  ) {
    this.agent = agent;
    this.#forward = forward.split(".").toReversed()
      .map((byte) => Number(byte).toString(16).padStart(2, "0")).join("")
      .toUpperCase();
    this.#directory = directory;
    this.#mask = masksOf(agent.pid).get(agent.pid)!;
    this.#pinned = /\d+$/.exec(this.#mask)![0];
  }

  static async start(target: Target): Promise<World> {
    const directory = temporary();
    const forward = `127.${64 + process.pid % 64}.${process.pid >> 8 & 255}.7`;
    const agent = await TestAgent.start(target, [
      // Its own: other agents of this machine forward from the usual one.
      `--forward-address=${forward}`,
      `--hook-directories=${directory.path}`,
      // This machine has other work to do, and its connections are not ours.
      "--drop-caches=off",
      "--no-compact-memory",
      "--no-reset-connections",
      "--log-level=info",
    ]);
    return new World(agent, directory, forward);
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

  /** Nobody of the test's own talks on a kept-alive connection any more. */
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

  /** Listens on a port of loopback, as a program of the guest would. */
  async listen(): Promise<void> {
    const server = net.createServer((socket) => socket.end());
    await new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", resolve)
    );
    const { port } = server.address() as net.AddressInfo;
    this.servers.set(port, server);
  }

  close(port: number): void {
    this.servers.get(port)?.close();
    this.servers.delete(port);
  }

  /** Whether the kernel has a listener of the forwarder on that port. */
  forwards(port: number): boolean {
    return socketsOn(port, "0A").some(({ local }) =>
      local.startsWith(this.#forward)
    );
  }

  /** Every thread has its old mask, or all of them the last CPU alone. */
  get masks(): "free" | "pinned" | "mixed" {
    const masks = new Set(masksOf(this.agent.pid).values());
    if (masks.size > 1) return "mixed";
    // On one CPU both are the same.
    if (masks.has(this.#mask)) return "free";
    return masks.has(this.#pinned) ? "pinned" : "mixed";
  }

  get canPin(): boolean {
    return this.#mask !== this.#pinned;
  }

  /** From now on a hook of the guest refuses every freeze, or none does. */
  refuseFreezes(refuse: boolean): void {
    const path = join(this.#directory.path, "refuse");
    if (refuse) script(path, '#!/bin/sh\n[ "$1" != freeze ]\n');
    else unlinkSync(path);
  }

  /** Stops the process, as a hypervisor stops the machine, and lets it go on. */
  async standStill(ms: number): Promise<void> {
    this.agent.kill("SIGSTOP");
    await until("the stop", () => /^State:\tT/m.test(this.#procStatus()));
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.agent.kill("SIGCONT");
  }

  /** What the agent holds when it is quiesced and nobody is connected. */
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
  async reset(refuses: boolean): Promise<void> {
    if (refuses) this.refuseFreezes(false);
    for (const { wire } of this.open.splice(0)) wire.end();
    for (const port of [...this.servers.keys()]) this.close(port);
    await this.ask("POST", "/snapshot/recover");
  }

  async end(): Promise<void> {
    this.hangUp();
    for (const { wire } of this.open) wire.end();
    for (const server of this.servers.values()) server.close();
    await this.agent.stop();
    this.#directory.remove();
  }

  #procStatus(): string {
    return readFileSync(`/proc/${this.agent.pid}/status`, "utf8");
  }
}
