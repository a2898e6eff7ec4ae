/**
 * Programs of the guest that take part in operations, as tests have them: they
 * register with the agent's socket and note what they are told.
 */
import { type IncomingMessage, request } from "node:http";
import { createServer, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { rmSync } from "node:fs";
import { overUnix } from "./over_unix.ts";
import { until } from "./until.ts";

/** A program that registers a URL: a unix socket in this directory. */
export class RequestProgram {
  /** What it was told: `freeze OPERATION`. */
  readonly calls: string[] = [];
  /** The `traceparent` of each call, if it had one. */
  readonly traceparents: unknown[] = [];
  /** What it answers: a status, or nothing at all. */
  answer: number | "nothing" = 204;
  /** What it says with its answer. */
  words = "";
  readonly #socket: string;
  #server: Server | undefined;

  constructor(directory: string, readonly name: string) {
    this.#socket = join(directory, `${name}.sock`);
  }

  /** Lives: takes connections. */
  start(): Promise<void> {
    this.#server = createServer((q, r) => this.#hear(q, r));
    return new Promise((resolve) =>
      this.#server!.listen(this.#socket, resolve)
    );
  }

  /** Dies: no connection is taken any more. */
  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
    this.#server = undefined;
    rmSync(this.#socket, { force: true });
  }

  /** Registers; gives the status and the document of the reply. */
  async register(hooksSocket: string) {
    const { status, body } = await overUnix(hooksSocket, "POST", "/hooks", {
      name: this.name,
      url: `unix:${this.#socket}:/hook`,
    });
    return { status, ...JSON.parse(body) };
  }

  #hear({ headers }: IncomingMessage, response: ServerResponse): void {
    this.calls.push(`${headers["lull-phase"]} ${headers["lull-operation"]}`);
    this.traceparents.push(headers.traceparent);
    if (this.answer === "nothing") return;
    response.writeHead(this.answer).end(
      this.answer === 204 ? undefined : this.words,
    );
  }
}

/** A program that reads events and acknowledges each. */
export class EventsProgram {
  /** What it was told: `freeze OPERATION`. */
  readonly calls: string[] = [];
  #connection: IncomingMessage | undefined;

  constructor(readonly name: string) {}

  /** Connects; resolves once it is registered. */
  async connect(socketPath: string): Promise<void> {
    const path = `/hooks/events?name=${this.name}`;
    const stream = await new Promise<IncomingMessage>((resolve, reject) =>
      request({ socketPath, path, agent: false }, resolve)
        .on("error", reject).end()
    );
    this.#connection = stream;
    let text = "";
    let read = 0;
    stream.setEncoding("utf8");
    stream.on("error", () => {});
    stream.on("data", (part) => {
      text += part;
      const events = [...text.matchAll(/^data: (.*)$/gm)];
      for (const [, data] of events.slice(read)) {
        read++;
        const { id, phase, operation } = JSON.parse(data);
        this.calls.push(`${phase} ${operation}`);
        overUnix(socketPath, "POST", `/hooks/events/${id}/ack`)
          .catch(() => {}); // the agent is killed
      }
    });
    await until("the registration", () => text.startsWith(": registered"));
  }

  end(): void {
    this.#connection?.destroy();
  }
}
