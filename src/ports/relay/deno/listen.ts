/**
 * Listens by system calls: a new connection takes a fraction of what it takes
 * by Deno's own sockets, or by node:net on top of them.
 * @module
 */
import { lastError, requireSymbol } from "../../../linux/libc.ts";
import { socketAddress } from "../../../linux/socket_address.ts";
import {
  SO_REUSEADDR,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../../linux/socket_constants.ts";
import type { Listening, ListenOptions } from "../../listen.ts";
import { disown, libc, own, Poller, SOCK_FLAGS } from "./epoll.ts";
import { DenoRelay } from "./relay.ts";

export { descriptors } from "./epoll.ts";

const ON = Uint8Array.of(1, 0, 0, 0);
/** errno(3) */
const EAGAIN = 11;
/** Clients that wait to be taken; the kernel has a lower limit of its own. */
const BACKLOG = 1024;
/** Clients taken in a row before others get their turn. */
const ACCEPTS = 64;

const poller = new Poller();
const accept4 = requireSymbol(libc.accept4, "accept4");
/** Those who could not take a client for want of a descriptor. */
const starved = new Set<() => void>();

/** Listens on a port. */
export function listen(options: ListenOptions): Listening {
  try {
    const door = new Listener(options);
    queueMicrotask(options.onListening);
    return door;
  } catch (error) {
    queueMicrotask(() => options.onError(error));
    return { close: (onClosed) => onClosed() };
  }
}

class Listener implements Listening {
  readonly #options: ListenOptions;
  readonly #fd: number;
  readonly #token: number;
  #closed = false;

  constructor(options: ListenOptions) {
    this.#options = options;
    this.#fd = bind(options.address, options.port);
    try {
      this.#token = poller.watch(this.#fd, this.#accept);
    } catch (error) {
      disown(this.#fd);
      throw error;
    }
  }

  close(onClosed: () => void): void {
    this.#closed = true;
    starved.delete(this.#accept);
    disown(this.#fd);
    poller.forget(this.#token);
    onClosed();
  }

  readonly #accept = (): void => {
    if (this.#closed) return;
    for (let i = 0; i < ACCEPTS; i++) {
      const client = accept4(this.#fd, null, null, SOCK_FLAGS);
      if (client === -1) return this.#lookWhetherStarved();
      this.#carry(client);
    }
    poller.soon(this.#accept);
  };

  /** There was nobody, or no descriptor: then the next end of a relay helps. */
  #lookWhetherStarved(): void {
    if (libc.errno?.() !== EAGAIN) starved.add(this.#accept);
  }

  #carry(client: number): void {
    try {
      own(client, "take", "a client");
    } catch {
      return; // its number is too high, and it is closed
    }
    const { port, targets, onConnection, onEnd } = this.#options;
    const relay = new DenoRelay({
      poller,
      client,
      port,
      targets: targets(),
      onEnd() {
        onEnd(relay);
        for (const accept of starved) poller.soon(accept);
        starved.clear();
      },
    });
    onConnection(relay);
    relay.start();
  }
}

/** A socket that listens there and takes clients without waiting for one. */
function bind(host: string, port: number): number {
  const on = `${host}:${port}`;
  const address = socketAddress(host, port);
  if (address === undefined) throw new Error(`Cannot bind ${on}: no address`);
  const { family, bytes } = address;
  const fd = own(
    requireSymbol(libc.socket, "socket")(family, SOCK_STREAM | SOCK_FLAGS, 0),
    "open a socket for",
    on,
  );
  try {
    requireSymbol(libc.setsockopt, "setsockopt")(
      fd,
      SOL_SOCKET,
      SO_REUSEADDR,
      ON,
      ON.length,
    );
    if (requireSymbol(libc.bind, "bind")(fd, bytes, bytes.length) === -1) {
      throw lastError(libc, "bind", on);
    }
    if (requireSymbol(libc.listen, "listen")(fd, BACKLOG) === -1) {
      throw lastError(libc, "listen on", on);
    }
    return fd;
  } catch (error) {
    disown(fd);
    throw error;
  }
}
