/**
 * Relays one connection by system calls: from a client of the forward address to the first target
 * that accepts.
 * @module
 */
import { requireSymbol } from "../../../linux/libc.ts";
import { socketAddress } from "../../../linux/socket_address.ts";
import { IPPROTO_TCP, TCP_NODELAY } from "../../../linux/socket_constants.ts";
import { resetOnClose, setSocketOption } from "../../../linux/socket_option.ts";
import type { RelayedConnection } from "../../listen.ts";
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
    this.#client = new Endpoint(options.client);
  }

  /** Dials. Nothing is read from the client until a target is connected: the bytes would be lost. */
  start(): void {
    if (this.#take(this.#client)) this.#dial();
    else this.#end("reset");
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
    const address = socketAddress(host, this.#options.port);
    if (address === undefined) return false;
    const { family, bytes } = address;
    let target: Endpoint;
    try {
      target = new Endpoint(openSocket(family, "open a socket to", host));
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
    if (side !== this.#client && (events & EPOLLOUT) !== 0) this.#joined = true;
    if (this.#joined) this.#carry();
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
