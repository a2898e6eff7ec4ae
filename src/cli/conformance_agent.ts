/**
 * Calls any agent, without the assumptions of the client about its replies.
 * @module
 */
import type { LullClient, StateEvent } from "../client/mod.ts";

/** A reply as it came. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON. */
  // deno-lint-ignore no-explicit-any
  json(): any;
}

/** The agent under test. */
export class Agent {
  readonly #client: Pick<LullClient, "send" | "events">;

  constructor(client: Pick<LullClient, "send" | "events">) {
    this.#client = client;
  }

  /** Sends a GET; resolves with any reply, also one that is an error. */
  get(
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Reply> {
    return this.#send("GET", path, undefined, headers);
  }

  /** Sends a POST with a JSON body; resolves with any reply, also one that is an error. */
  post(
    path: string,
    json?: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Reply> {
    return this.#send("POST", path, json, headers);
  }

  /** The first event of the state; the stream is closed then. */
  async event(): Promise<StateEvent> {
    for await (const event of this.#client.events()) return event;
    throw new Error("the stream of events has none");
  }

  /** The status document. */
  // deno-lint-ignore no-explicit-any
  async status(): Promise<any> {
    const reply = await this.get("/snapshot");
    if (reply.status !== 200) {
      throw new Error(`GET /snapshot replied ${reply.status}, not 200`);
    }
    return reply.json();
  }

  async #send(
    method: "GET" | "POST",
    path: string,
    json?: object,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Reply> {
    const reply = await this.#client.send(method, path, json, headers);
    return {
      ...reply,
      json() {
        try {
          return JSON.parse(reply.text);
        } catch {
          throw new Error(`the body is no JSON: ${reply.text.slice(0, 80)}`);
        }
      },
    };
  }
}
