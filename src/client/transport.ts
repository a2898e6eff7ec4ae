/**
 * Sends the calls of a client to one agent, each on a connection of its own, within a time limit.
 * @module
 */
import type { AgentAddress } from "./address.ts";
import { connect, type Connected, type ConnectVsock } from "./connect.ts";
import { UnreachableError } from "./errors.ts";
import { type AgentEvents, eventsOf } from "./events.ts";
import { exchange, type HttpRequest, textOf } from "./http.ts";
import { type AnyReply, noReplyOfLull, requireStatus } from "./reply.ts";

/** How to reach the agent. */
export interface ClientOptions {
  /** Sent with each call, for an agent that needs a token. */
  readonly token?: string;
  /** Milliseconds that one call may take; 60,000 by default. */
  readonly timeoutMs?: number;
  /** Opens connections of AF_VSOCK, for an address `vsock:CID:PORT`. */
  readonly connectVsock?: ConnectVsock;
}

/** The methods of the agent's calls. */
export type Method = "GET" | "POST" | "PUT";

/** The JSON of a request, or a function that makes it from the round-trip time in milliseconds. */
export type RequestJson = object | ((roundTripMs: number) => object);

const DEFAULT_TIMEOUT_MS = 60_000;

/** The way to one agent. */
export class Transport {
  readonly #address: AgentAddress;
  readonly #options: ClientOptions;

  constructor(address: AgentAddress, options: ClientOptions) {
    this.#address = address;
    this.#options = options;
  }

  /** Sends a request, and resolves with any reply, also one that is an error. */
  async send(
    method: Method,
    path: string,
    json?: RequestJson,
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
      throw signal.aborted ? noReplyInTime(method, path, error) : error;
    } finally {
      signal.removeEventListener("abort", close);
      stream.close();
    }
  }

  /**
   * The events of one kind, until the stream ends or the signal is aborted. `onRetry` gets the
   * milliseconds to wait before the next connection.
   */
  async *events<K extends keyof AgentEvents>(
    kind: K,
    signal?: AbortSignal,
    onRetry?: (ms: number) => void,
  ): AsyncIterable<AgentEvents[K]> {
    const path = "/snapshot/events";
    const limit = this.#limit();
    const { stream } = await this.#connect(
      signal === undefined ? limit : AbortSignal.any([limit, signal]),
    );
    const close = () => stream.close();
    signal?.addEventListener("abort", close);
    limit.addEventListener("abort", close);
    try {
      const reply = await exchange(stream, this.#request("GET", path));
      // The limit is that of the head: the stream itself may take as long as it wants.
      limit.removeEventListener("abort", close);
      if (reply.status !== 200) {
        requireStatus({ ...reply, text: await textOf(reply.body) }, 200);
      }
      if (!reply.headers.get("content-type")?.includes("event-stream")) {
        throw noReplyOfLull("it is no stream of events");
      }
      yield* eventsOf(kind, reply.body, onRetry);
    } catch (error) {
      if (signal?.aborted === true) return;
      throw limit.aborted ? noReplyInTime("GET", path, error) : error;
    } finally {
      signal?.removeEventListener("abort", close);
      limit.removeEventListener("abort", close);
      stream.close();
    }
  }

  #connect(signal: AbortSignal): Promise<Connected> {
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

function noReplyInTime(
  method: string,
  path: string,
  cause: unknown,
): UnreachableError {
  return new UnreachableError(
    `Cannot call ${method} ${path}: no reply within the time limit`,
    { cause },
  );
}
