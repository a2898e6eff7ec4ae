/**
 * A client of Lull's agent, for host agents in TypeScript. It runs on Bun, Deno and Node.
 * @module
 */
import { randomBytes } from "node:crypto";
import { ADDRESS_FORM, type AgentAddress, parseAddress } from "./address.ts";
import { connect, type Connected, type ConnectVsock } from "./connect.ts";
import { UnreachableError } from "./errors.ts";
import { type AgentEvents, eventsOf } from "./events.ts";
import { exchange, type HttpRequest, textOf } from "./http.ts";
import {
  type AnyReply,
  documentOf,
  noReplyOfLull,
  requireStatus,
} from "./reply.ts";
import type {
  Health,
  PortEvent,
  PortList,
  PortRulesOptions,
  PortRulesReply,
  PrepareOptions,
  PrepareReport,
  RecoverOptions,
  RecoverReply,
  StateEvent,
  Status,
} from "./types.ts";

export { ADDRESS_FORM, type AgentAddress, parseAddress } from "./address.ts";
export type { ByteStream } from "../util/byte_stream.ts";
export type { ConnectVsock } from "./connect.ts";
export { RefusedError, UnreachableError } from "./errors.ts";
export type { AnyReply } from "./reply.ts";
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
    const path = "/snapshot/prepare";
    const { headers } = await this.#call("POST", path, options, 204);
    const operation = headers.get("lull-operation");
    if (operation) return operation;
    throw noReplyOfLull("it has no header Lull-Operation");
  }

  /** Quiesces the guest and waits for the settle: after this, pause the machine. */
  async prepareSettled(
    options: PrepareOptions = {},
  ): Promise<PrepareReport> {
    const body = { ...options, wait: "settled" };
    const { text } = await this.#call("POST", "/snapshot/prepare", body);
    return documentOf<PrepareReport>(text, "settled");
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
    return documentOf<RecoverReply>(text, "recovered");
  }

  /** Checks health. The first check after a prepare recovers the guest. */
  async health(): Promise<Health> {
    const { text } = await this.#call("GET", "/health");
    return documentOf<Health>(text, "version");
  }

  /** Reads the status; changes nothing. */
  async status(): Promise<Status> {
    const { text } = await this.#call("GET", "/snapshot");
    return documentOf<Status>(text, "runtime");
  }

  /** Reads the metrics, as OpenMetrics text. */
  async metrics(): Promise<string> {
    const { text } = await this.#call("GET", "/metrics");
    if (text.endsWith("# EOF\n")) return text;
    throw noReplyOfLull("its body does not end as OpenMetrics does");
  }

  /**
   * The state now, and each change of it until the stream ends: at a recovery, and after the agent's
   * idle timeout. Over a unix socket or vsock it ends at the next prepare, and in a quiesced guest
   * after the first event. Then connect again; `onRetry` gets the milliseconds to wait before.
   */
  events(
    signal?: AbortSignal,
    onRetry?: (ms: number) => void,
  ): AsyncIterable<StateEvent> {
    return this.#events("state", signal, onRetry);
  }

  /** Each change of the forwarded ports, until the stream ends as that of the state does. */
  portEvents(signal?: AbortSignal): AsyncIterable<PortEvent> {
    return this.#events("port", signal);
  }

  /** Reads which ports are forwarded, and everything about each. */
  async ports(): Promise<PortList> {
    const { text } = await this.#call("GET", "/ports");
    return documentOf<PortList>(text, "ports");
  }

  /** Replaces the rules that choose the ports to forward. In a quiesced guest, they wait for the recovery. */
  async setPorts(rules: PortRulesOptions): Promise<PortRulesReply> {
    const { text } = await this.#call("PUT", "/ports", rules);
    return documentOf<PortRulesReply>(text, "rules");
  }

  async *#events<K extends keyof AgentEvents>(
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

  /**
   * Sends any request, and resolves with any reply, also one that is an error. `json` may be a
   * function of the round-trip time in milliseconds.
   */
  async send(
    method: "GET" | "POST" | "PUT",
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
      throw signal.aborted ? noReplyInTime(method, path, error) : error;
    } finally {
      signal.removeEventListener("abort", close);
      stream.close();
    }
  }

  /** As {@linkcode LullClient.send}; rejects if the reply has another status. */
  async #call(
    method: "GET" | "POST" | "PUT",
    path: string,
    json?: object | ((roundTripMs: number) => object),
    status = 200,
  ): Promise<AnyReply> {
    const reply = await this.send(method, path, json);
    requireStatus(reply, status);
    return reply;
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
