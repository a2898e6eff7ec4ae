/**
 * A client of Lull's agent, for host agents in TypeScript. It runs on Bun, Deno and Node.
 * @module
 */
import { randomBytes } from "node:crypto";
import { ADDRESS_FORM, type AgentAddress, parseAddress } from "./address.ts";
import type { ByteStream } from "../util/byte_stream.ts";
import { connect, type ConnectVsock } from "./connect.ts";
import { RefusedError, UnreachableError } from "./errors.ts";
import { stateEvents } from "./events.ts";
import { exchange, type HttpRequest, textOf } from "./http.ts";
import type {
  Health,
  PrepareOptions,
  PrepareReport,
  Problem,
  RecoverOptions,
  RecoverReply,
  StateEvent,
  Status,
} from "./types.ts";

export { ADDRESS_FORM, type AgentAddress, parseAddress } from "./address.ts";
export type { ByteStream } from "../util/byte_stream.ts";
export type { ConnectVsock } from "./connect.ts";
export { RefusedError, UnreachableError } from "./errors.ts";
export type * from "./types.ts";

/** How to reach the agent. */
export interface ClientOptions {
  /** Sent with each call, for an agent that needs a token. */
  readonly token?: string;
  /** Milliseconds that one call may take; 60,000 by default. */
  readonly timeoutMs?: number;
  /** Opens connections of AF_VSOCK, for an address `vsock:CID:PORT`. */
  readonly connectVsock?: ConnectVsock;
}

/** A reply of any status. */
export interface AnyReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Bytes of entropy that {@linkcode LullClient.recover} sends. */
const ENTROPY_BYTES = 32;
const DEFAULT_TIMEOUT_MS = 60_000;

/** Calls one agent. Each call has a connection of its own, which this side closes. */
export class LullClient {
  readonly #address: AgentAddress;
  readonly #options: ClientOptions;

  /** Throws a TypeError if the address has none of the accepted forms. */
  constructor(url: string, options: ClientOptions = {}) {
    const address = parseAddress(url);
    if (address === undefined) {
      throw new TypeError(`Cannot use an address: expected ${ADDRESS_FORM}`);
    }
    this.#address = address;
    this.#options = options;
  }

  /** Quiesces the guest; resolves with the id of the operation. The settle follows. */
  async prepare(options: PrepareOptions = {}): Promise<string> {
    const { headers } = await this.#call("POST", "/snapshot/prepare", options);
    return headers.get("lull-operation") ?? "";
  }

  /** Quiesces the guest and waits for the settle: after this, pause the machine. */
  async prepareSettled(
    options: PrepareOptions = {},
  ): Promise<PrepareReport> {
    const body = { ...options, wait: "settled" };
    return JSON.parse(
      (await this.#call("POST", "/snapshot/prepare", body)).text,
    );
  }

  /**
   * Recovers the guest, with the host's time, the time of one way to the guest and back, and fresh
   * entropy, unless the options have them.
   */
  async recover(options: RecoverOptions = {}): Promise<RecoverReply> {
    const path = "/snapshot/recover";
    const { text } = await this.#call("POST", path, (roundTripMs) => ({
      hostTime: Date.now(),
      roundTripMs,
      entropy: randomBytes(ENTROPY_BYTES).toString("base64"),
      ...options,
    }));
    return JSON.parse(text);
  }

  /** Checks health. The first check after a prepare recovers the guest. */
  async health(): Promise<Health> {
    return JSON.parse((await this.#call("GET", "/health")).text);
  }

  /** Reads the status; changes nothing. */
  async status(): Promise<Status> {
    return JSON.parse((await this.#call("GET", "/snapshot")).text);
  }

  /** Reads the metrics, as OpenMetrics text. */
  async metrics(): Promise<string> {
    return (await this.#call("GET", "/metrics")).text;
  }

  /**
   * The state now, and each change of it until the stream ends: at the next prepare, in a quiesced
   * guest after the first event, and after the agent's idle timeout. Then connect again.
   */
  async *events(signal?: AbortSignal): AsyncIterable<StateEvent> {
    const limit = this.#limit();
    const { stream } = await this.#connect(
      signal === undefined ? limit : AbortSignal.any([limit, signal]),
    );
    const close = () => stream.close();
    signal?.addEventListener("abort", close);
    try {
      const reply = await exchange(
        stream,
        this.#request("GET", "/snapshot/events"),
      );
      if (reply.status >= 400) {
        refuse({ ...reply, text: await textOf(reply.body) });
      }
      yield* stateEvents(reply.body);
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    } finally {
      signal?.removeEventListener("abort", close);
      stream.close();
    }
  }

  /**
   * Sends any request, and resolves with any reply, also one that is an error. `json` may be a
   * function of the round-trip time in milliseconds.
   */
  async send(
    method: "GET" | "POST",
    path: string,
    json?: object | ((roundTripMs: number) => object),
    headers: Readonly<Record<string, string>> = {},
  ): Promise<AnyReply> {
    const signal = this.#limit();
    const { stream, roundTripMs } = await this.#connect(signal);
    const close = () => stream.close();
    signal.addEventListener("abort", close, { once: true });
    try {
      const body = typeof json === "function" ? json(roundTripMs) : json;
      const request = this.#request(method, path, body, headers);
      const reply = await exchange(stream, request);
      return { ...reply, text: await textOf(reply.body) };
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new UnreachableError(
        `Cannot call ${method} ${path}: no reply within the time limit`,
        { cause: error },
      );
    } finally {
      signal.removeEventListener("abort", close);
      stream.close();
    }
  }

  /** As {@linkcode LullClient.send}; rejects with a RefusedError if the reply is an error. */
  async #call(
    ...request: Parameters<LullClient["send"]>
  ): Promise<AnyReply> {
    const reply = await this.send(...request);
    refuse(reply);
    return reply;
  }

  #connect(signal: AbortSignal): Promise<
    { readonly stream: ByteStream; readonly roundTripMs: number }
  > {
    return connect(this.#address, signal, this.#options.connectVsock);
  }

  #limit(): AbortSignal {
    return AbortSignal.timeout(this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  }

  #request(
    method: string,
    path: string,
    json?: object,
    headers: Readonly<Record<string, string>> = {},
  ): HttpRequest {
    const { token } = this.#options;
    return {
      ...{ method, path },
      headers: {
        ...token === undefined ? {} : { authorization: `Bearer ${token}` },
        ...json === undefined ? {} : { "content-type": "application/json" },
        ...headers,
      },
      body: json === undefined ? "" : JSON.stringify(json),
    };
  }
}

/** Throws a RefusedError if the reply is an error. */
function refuse({ status, headers, text }: AnyReply): void {
  if (status < 400) return;
  const isProblem = headers.get("content-type")?.includes("problem+json");
  const problem: Problem | undefined = isProblem ? JSON.parse(text) : undefined;
  const why = problem?.detail ?? problem?.title ?? "no problem document";
  throw new RefusedError(
    `The agent replied ${status}: ${why}`,
    status,
    problem,
  );
}
