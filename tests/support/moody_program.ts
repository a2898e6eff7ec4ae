/**
 * A program of the guest that registers for requests before a freeze and after
 * it, and does not always answer as it should.
 * @module
 */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { ServerResponse } from "node:http";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Call, Mood, Participant, Phase } from "./hook_log.ts";
import { overUnix } from "./over_unix.ts";

/** Milliseconds that a slow answer takes. */
const SLOW_MS = 100;

/** The program; it notes a request before it answers. */
export class Program implements Participant {
  readonly name = "program";
  readonly required = false;
  calls: Call[] = [];
  readonly #socket: string;
  #server: Server | undefined;
  readonly #moods: Record<Phase, Mood> = { freeze: "fine", thaw: "fine" };

  constructor(directory: string) {
    this.#socket = join(directory, "program.sock");
  }

  /** Begins to live: takes connections. */
  listen(): Promise<void> {
    const server = createServer((request, response) =>
      this.#hear(request, response)
    );
    this.#server = server;
    return new Promise((resolve) =>
      server.listen(this.#socket, () => resolve())
    );
  }

  /** Whether it takes connections. */
  get lives(): boolean {
    return this.#server !== undefined;
  }

  /** Registers with an agent, again if need be. */
  async register(
    hooksSocket: string,
    more: { policy?: "abort" | "continue"; limitMs?: number } = {},
  ): Promise<void> {
    const { status, body } = await overUnix(hooksSocket, "POST", "/hooks", {
      name: this.name,
      url: `unix:${this.#socket}:/hook`,
      ...more,
    });
    if (status !== 200 && status !== 201) {
      throw new Error(`Cannot register the program: ${status} ${body}`);
    }
  }

  set(phase: Phase, mood: Mood): void {
    this.#moods[phase] = mood;
  }

  /** Dies: no connection is taken any more. */
  close(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
    this.#server = undefined;
    rmSync(this.#socket, { force: true });
  }

  #hear({ headers }: IncomingMessage, response: ServerResponse): void {
    const phase = headers["lull-phase"] as Phase;
    this.calls.push({
      phase,
      operation: String(headers["lull-operation"]),
      generation: Number(headers["lull-generation"]),
      more: `${Math.round(performance.now())} ms`,
    });
    const answer = (status: number) => response.writeHead(status).end();
    switch (this.#moods[phase]) {
      case "fine":
        return void answer(204);
      case "slow":
        return void setTimeout(answer, SLOW_MS, 204);
      case "fail":
        return void answer(500);
    }
  }
}
