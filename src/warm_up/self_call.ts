/**
 * A health check that the agent sends to itself over a real socket. The code that receives the
 * request and sends the reply is the same as in a recovery.
 * @module
 */
import { checked, lastError, type Libc, requireSymbol } from "../linux/libc.ts";
import { listenersOn } from "../linux/listen.ts";
import {
  readFamily,
  readSocketAddress,
  SOCKET_ADDRESS_BYTES,
} from "../linux/socket_address.ts";
import {
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from "../linux/socket_constants.ts";
import type { Peer } from "../runtime/types.ts";
import { waitFor } from "../util/wait.ts";
import { keyOf } from "../connections/exchanges.ts";

/** Milliseconds until a request is sent, and until it is answered. */
const LIMIT_MS = 2000;

const HEALTH_CHECK = "a health check to the agent itself";

/** One request in each version of HTTP that hosts use. */
const REQUESTS = ["1.1", "1.0"].map((version) =>
  new TextEncoder().encode(`GET /health HTTP/${version}\r\nhost: lull\r\n\r\n`)
);

/** Sends health checks to its own agent, and tells which requests are such health checks. */
export class SelfCall {
  readonly #libc: Libc;
  readonly #ports: () => readonly number[];
  readonly #limitMs: number;
  #own: Peer | undefined;

  /** `ports` gives the ports that the agent listens on; `limitMs` bounds each request. */
  constructor(
    libc: Libc,
    ports: () => readonly number[],
    limitMs = LIMIT_MS,
  ) {
    this.#libc = libc;
    this.#ports = ports;
    this.#limitMs = limitMs;
  }

  /** Whether a request with this peer is a health check of its own that is under way. */
  isFrom(peer: Peer | undefined): boolean {
    return this.#own !== undefined && peer !== undefined &&
      keyOf(peer) === keyOf(this.#own);
  }

  /**
   * Asks once in each version of HTTP, and waits for each reply. False if the agent listens on
   * no TCP port. Rejects if no reply arrives within two seconds.
   */
  async ask(): Promise<boolean> {
    const [listener] = listenersOn(this.#libc, this.#ports());
    if (listener === undefined) return false;
    for (const request of REQUESTS) {
      await this.#ask(this.#nameOf(listener), request);
    }
    return true;
  }

  /** A socket that is connecting to the address. */
  #connect(address: Uint8Array): number {
    const family = readFamily(address);
    const socket = requireSymbol(this.#libc, "socket")(
      family,
      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
      0,
    );
    checked(this.#libc, socket, "open", "a socket");
    // A connection to 0.0.0.0 or :: leads to this machine. The socket may still be connecting
    // when this returns; if it cannot connect, the sending fails.
    requireSymbol(this.#libc, "connect")(socket, address, address.length);
    return socket;
  }

  async #ask(address: Uint8Array, request: Uint8Array): Promise<void> {
    const send = requireSymbol(this.#libc, "send");
    const recv = requireSymbol(this.#libc, "recv");
    const reply = new Uint8Array(1024);
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const socket = this.#connect(address);
    try {
      this.#own = readSocketAddress(this.#nameOf(socket));
      await this.#until(
        "send",
        () => send(socket, request, BigInt(request.length), flags),
      );
      await this.#until(
        "get the reply to",
        () => recv(socket, reply, BigInt(reply.length), MSG_DONTWAIT),
      );
    } finally {
      requireSymbol(this.#libc, "close")(socket);
      this.#own = undefined;
    }
  }

  /** Repeats the call until it succeeds; throws at the limit. */
  async #until(action: string, call: () => number): Promise<void> {
    const limitMs = this.#limitMs;
    if (await waitFor(() => call() !== -1, limitMs)) return;
    const { code } = lastError(this.#libc, action, HEALTH_CHECK);
    throw new Error(
      `Cannot ${action} ${HEALTH_CHECK}: not done within ${limitMs} ms (${code})`,
    );
  }

  #nameOf(socket: number): Uint8Array {
    const address = new Uint8Array(SOCKET_ADDRESS_BYTES);
    const length = new Uint32Array([address.length]);
    const getsockname = requireSymbol(this.#libc, "getsockname");
    const result = getsockname(socket, address, new Uint8Array(length.buffer));
    checked(this.#libc, result, "read the address of", `socket ${socket}`);
    return address.slice(0, length[0]);
  }
}
