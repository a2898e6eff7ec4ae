/**
 * Listens by system calls. A new connection takes a fraction of the time that it takes by Deno's own
 * sockets or by node:net.
 * @module
 */
import { checked, type Libc, requireSymbol } from "../../../linux/libc.ts";
import {
  readPort,
  SOCKET_ADDRESS_BYTES,
  socketAddress,
} from "../../../linux/socket_address.ts";
import { SO_REUSEADDR, SOL_SOCKET } from "../../../linux/socket_constants.ts";
import { resetOnClose, setSocketOption } from "../../../linux/socket_option.ts";
import type {
  Listening,
  ListenOptions,
  SharedListenOptions,
} from "../../listen.ts";
import { disown, libc, openSocket, own, Poller, SOCK_FLAGS } from "./epoll.ts";
import { DenoRelay } from "./relay.ts";

export { threadId } from "../../../runtime/deno/thread_id.ts";
export { descriptors } from "./epoll.ts";

/** errno(3) */
const EAGAIN = 11;
/** The length of the queue of clients (listen(2)); the kernel may have a lower limit. */
const BACKLOG = 1024;
/** Clients accepted before other connections get their turn. */
const ACCEPTS = 64;

const poller = new Poller();
const accept4 = requireSymbol(libc, "accept4");
/** Listeners that could not accept a client because no descriptor was free. */
const waitingForDescriptors = new Set<() => void>();

const getsockname = requireSymbol(libc, "getsockname");
/** The address of the last client that was asked for, and its length. */
const ADDRESS = new Uint8Array(SOCKET_ADDRESS_BYTES);
const LENGTH = new Uint32Array(1);
const LENGTH_BYTES = new Uint8Array(LENGTH.buffer);

/** The C library of this thread. */
export const loadLibc = (): Libc => libc;

/** Resolves when no thread of Deno's pool waits for sockets: after the last of them is closed. */
export const ended = (): Promise<void> => poller.ended;

/** Listens on a port; throws if that is impossible. */
export function listen(
  options: ListenOptions | SharedListenOptions,
): Required<Listening> {
  return new Listener(options);
}

class Listener implements Required<Listening> {
  readonly fd: number;
  readonly #options: ListenOptions | SharedListenOptions;
  readonly #token: number;
  #closed = false;

  constructor(options: ListenOptions | SharedListenOptions) {
    this.#options = options;
    this.fd = bind(options.address, options.port);
    try {
      this.#token = poller.watch(this.fd, this.#accept);
    } catch (error) {
      disown(this.fd);
      throw error;
    }
  }

  close(): void {
    this.#closed = true;
    waitingForDescriptors.delete(this.#accept);
    disown(this.fd);
    poller.forget(this.#token);
  }

  readonly #accept = (): void => {
    if (this.#closed) return;
    for (let i = 0; i < ACCEPTS; i++) {
      const client = accept4(this.fd, null, null, SOCK_FLAGS);
      if (client === -1) return this.#lookWhetherStarved();
      this.#carry(client);
    }
    poller.soon(this.#accept);
  };

  /** If no descriptor was free, tries again when a relay has ended. */
  #lookWhetherStarved(): void {
    if (libc.errno?.() !== EAGAIN) waitingForDescriptors.add(this.#accept);
  }

  #carry(client: number): void {
    try {
      own(client, "take", "a client");
    } catch {
      return; // the number of the descriptor is too high, and it is closed
    }
    const chosen = this.#optionsFor(client);
    if (chosen === undefined || chosen.isFull()) {
      resetOnClose(libc, client);
      return disown(client);
    }
    const { port, counter, targets, proxyProtocol, onConnection, onEnd } =
      chosen;
    const relay = new DenoRelay({
      ...{ poller, client, port, counter },
      targets: targets(),
      proxyProtocol: proxyProtocol(),
      onEnd() {
        onEnd(relay);
        for (const accept of waitingForDescriptors) poller.soon(accept);
        waitingForDescriptors.clear();
      },
    });
    onConnection(relay);
    relay.start();
  }

  #optionsFor(client: number): ListenOptions | undefined {
    const options = this.#options;
    if (!("forPort" in options)) return options;
    LENGTH[0] = ADDRESS.length;
    if (getsockname(client, ADDRESS, LENGTH_BYTES) !== 0) return undefined;
    return options.forPort(readPort(ADDRESS) ?? 0);
  }
}

/** A non-blocking socket that listens on the address. */
function bind(host: string, port: number): number {
  const on = `${host}:${port}`;
  const address = socketAddress(host, port);
  if (address === undefined) throw new Error(`Cannot bind ${on}: no address`);
  const { family, bytes } = address;
  const fd = openSocket(family, "open a socket for", on);
  try {
    setSocketOption(libc, fd, SOL_SOCKET, SO_REUSEADDR, 1);
    const bound = requireSymbol(libc, "bind")(fd, bytes, bytes.length);
    checked(libc, bound, "bind", on);
    const listening = requireSymbol(libc, "listen")(fd, BACKLOG);
    checked(libc, listening, "listen on", on);
    return fd;
  } catch (error) {
    disown(fd);
    throw error;
  }
}
