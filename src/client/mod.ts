/**
 * A client of Lull's agent, for host agents in TypeScript. It runs on Bun, Deno and Node.
 * @module
 */
import { randomBytes } from "node:crypto";
import { ADDRESS_FORM, parseAddress } from "./address.ts";
import {
  type AnyReply,
  documentOf,
  noReplyOfLull,
  requireStatus,
} from "./reply.ts";
import {
  type ClientOptions,
  type Method,
  type RequestJson,
  Transport,
} from "./transport.ts";
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
export type { ClientOptions, Method, RequestJson } from "./transport.ts";
export type * from "./types.ts";

/** Bytes of entropy that {@linkcode LullClient.recover} sends. */
const ENTROPY_BYTES = 32;

/** Calls one agent. Each call has a connection of its own, which this side closes. */
export class LullClient {
  readonly #transport: Transport;

  /** Throws a TypeError if the address has none of the accepted forms. */
  constructor(url: string, options: ClientOptions = {}) {
    const address = parseAddress(url);
    if (address === undefined) {
      throw new TypeError(`Cannot use an address: expected ${ADDRESS_FORM}`);
    }
    this.#transport = new Transport(address, options);
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
    // In the dialect wrenn, a caller that does not ask for OpenMetrics gets JSON.
    const headers = { accept: "application/openmetrics-text" };
    const reply = await this.send("GET", "/metrics", undefined, headers);
    requireStatus(reply, 200);
    const { text } = reply;
    if (text.endsWith("# EOF\n")) return text;
    throw noReplyOfLull("its body does not end as OpenMetrics does");
  }

  /**
   * The state now, and each change of it until the stream ends: at a recovery, and after the agent's
   * idle timeout. An agent that cannot keep the connection open in a quiesced guest ends it. Then
   * connect again; `onRetry` gets the milliseconds to wait before.
   */
  events(
    signal?: AbortSignal,
    onRetry?: (ms: number) => void,
  ): AsyncIterable<StateEvent> {
    return this.#transport.events("state", signal, onRetry);
  }

  /** Each change of the forwarded ports, until the stream ends as that of the state does. */
  portEvents(signal?: AbortSignal): AsyncIterable<PortEvent> {
    return this.#transport.events("port", signal);
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

  /**
   * Sends any request, and resolves with any reply, also one that is an error. `json` may be a
   * function of the round-trip time in milliseconds.
   */
  send(
    method: Method,
    path: string,
    json?: RequestJson,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<AnyReply> {
    return this.#transport.send(method, path, json, headers);
  }

  /** As {@linkcode LullClient.send}; rejects if the reply has another status. */
  async #call(
    method: Method,
    path: string,
    json?: RequestJson,
    status = 200,
  ): Promise<AnyReply> {
    const reply = await this.send(method, path, json);
    requireStatus(reply, status);
    return reply;
  }
}
