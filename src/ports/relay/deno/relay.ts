/**
 * Relays one connection by system calls: from a client of the forward address to the first target
 * that accepts.
 * @module
 */
import { requireSymbol } from "../../../linux/libc.ts";
import { ADDRESS, addressLength } from "../../../linux/address_buffer.ts";
import {
  readSocketAddress,
  socketAddress,
  unixAddress,
} from "../../../linux/socket_address.ts";
import {
  AF_UNIX,
  IPPROTO_TCP,
  TCP_NODELAY,
} from "../../../linux/socket_constants.ts";
import { resetOnClose, setSocketOption } from "../../../linux/socket_option.ts";
import type { Counter } from "../../counts.ts";
import type { RelayedConnection } from "../../listen.ts";
import { proxyHeader } from "../../proxy_header.ts";
import { unixPathOf } from "../../unix_targets.ts";
import {
  disown,
  EPOLLERR,
  EPOLLHUP,
  EPOLLOUT,
  libc,
  openSocket,
  type Poller,
} from "./epoll.ts";
import { carry, Endpoint } from "./side.ts";

const connect = requireSymbol(libc, "connect");

/** What a relay needs to begin. */
export interface RelayOptions {
  readonly poller: Poller;
  /** The accepted socket; the relay closes it. */
  readonly client: number;
  readonly port: number;
  /** The addresses to dial, in this order. */
  readonly targets: readonly string[];
  /** Whether the target first gets the header of the PROXY protocol. */
  readonly proxyProtocol: boolean;
  readonly counter: Pick<Counter, "received" | "sent">;
  /** Called when both sockets are closed. */
  readonly onEnd: () => void;
}

/** A client, its target, and the bytes between them. */
export class DenoRelay implements RelayedConnection {
  readonly #options: RelayOptions;
  readonly #untried: string[];
  readonly #client: Endpoint;
  #target: Endpoint | undefined;
  #joined = false;
  #over = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#untried = [...options.targets];
    const { client, counter } = options;
    this.#client = new Endpoint(client, (bytes) => counter.received(bytes));
  }

  /** Dials. Nothing is read from the client until a target is connected: the bytes would be lost. */
  start(): void {
    if (this.#take(this.#client)) this.#dial();
    else this.#end("reset");
  }

  get clientFd(): number | undefined {
    return this.#over ? undefined : this.#client.fd;
  }

  reset(): void {
    this.#end("reset");
  }

  #dial(): void {
    for (;;) {
      const host = this.#untried.shift();
      if (host === undefined) return this.#end("reset");
      if (this.#tryTo(host)) return;
    }
  }

  /** Begins to connect; false if that failed at once. Later failures arrive as events. */
  #tryTo(host: string): boolean {
    const { port, counter } = this.#options;
    const path = unixPathOf(host);
    const address = path === undefined
      ? socketAddress(host, port)
      : { family: AF_UNIX, bytes: unixAddress(path) };
    if (address?.bytes === undefined) return false;
    const { family, bytes } = address;
    let target: Endpoint;
    try {
      const fd = openSocket(family, "open a socket to", host);
      const count = (bytes: number) => counter.sent(bytes);
      target = new Endpoint(fd, count, path !== undefined);
    } catch {
      return false; // no descriptor is left
    }
    // Connects before it watches: epoll reports a hang-up for a socket that never connected.
    const connected = connect(target.fd, bytes, bytes.length) === 0;
    this.#target = target;
    if (!this.#take(target)) {
      this.#drop(target);
      return false;
    }
    if (connected) this.#onEvents(target, EPOLLOUT);
    return true;
  }

  /** Watches an endpoint; false if the kernel has no room for it. */
  #take(side: Endpoint): boolean {
    setSocketOption(libc, side.fd, IPPROTO_TCP, TCP_NODELAY, 1);
    try {
      side.token = this.#options.poller.watch(
        side.fd,
        (events) => this.#onEvents(side, events),
      );
      return true;
    } catch {
      return false;
    }
  }

  #onEvents(side: Endpoint, events: number): void {
    if (this.#over) return;
    side.note(events);
    const lost = (events & (EPOLLERR | EPOLLHUP)) !== 0;
    if (!this.#joined && lost) {
      if (side === this.#client) return this.#end("reset");
      this.#drop(side);
      return this.#dial();
    }
    if (side !== this.#client && (events & EPOLLOUT) !== 0) this.#join(side);
    if (this.#joined) this.#carry();
  }

  /** Called when the target is connected, and at each room for output after that. */
  #join(target: Endpoint): void {
    if (this.#joined) return;
    this.#joined = true;
    const { client, proxyProtocol } = this.#options;
    if (!proxyProtocol) return;
    const header = proxyHeader(
      nameOf("getpeername", client),
      nameOf("getsockname", client),
    );
    // If the connection is gone, the next write says so.
    target.put(header);
  }

  #carry(): void {
    const target = this.#target;
    if (this.#over || target === undefined) return;
    const client = this.#client;
    const ways = [carry(client, target), carry(target, client)];
    if (ways.includes("lost")) this.#end("reset");
    else if (client.finished && target.finished) this.#end("close");
    else if (ways.includes("goes on")) {
      this.#options.poller.soon(() => this.#carry());
    }
  }

  #end(how: "close" | "reset"): void {
    if (this.#over) return;
    this.#over = true;
    for (const side of [this.#client, this.#target]) {
      if (side === undefined) continue;
      if (how === "reset") resetOnClose(libc, side.fd);
      this.#drop(side);
    }
    this.#options.onEnd();
  }

  #drop(side: Endpoint): void {
    if (side === this.#target) this.#target = undefined;
    disown(side.fd);
    this.#options.poller.forget(side.token);
  }
}

/** The address of an end of a TCP connection; an empty text if the connection is gone. */
function nameOf(call: "getpeername" | "getsockname", fd: number) {
  requireSymbol(libc, call)(fd, ADDRESS, addressLength());
  return readSocketAddress(ADDRESS) ?? { address: "", port: 0 };
}
