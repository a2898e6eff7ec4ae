/**
 * Listens by system calls. A new connection takes a fraction of the time that it takes by Deno's own
 * sockets or by node:net.
 * @module
 */
import { checked, requireSymbol } from "../../../linux/libc.ts";
import { socketAddress } from "../../../linux/socket_address.ts";
import { SO_REUSEADDR, SOL_SOCKET } from "../../../linux/socket_constants.ts";
import { setSocketOption } from "../../../linux/socket_option.ts";
import type { Listening, ListenOptions } from "../../listen.ts";
import { disown, libc, openSocket, own, Poller, SOCK_FLAGS } from "./epoll.ts";
import { DenoRelay } from "./relay.ts";

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

/** Listens on a port; throws if that is impossible. */
export function listen(options: ListenOptions): Listening {
  return new Listener(options);
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

  close(): void {
    this.#closed = true;
    waitingForDescriptors.delete(this.#accept);
    disown(this.#fd);
    poller.forget(this.#token);
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
    const { port, counter, targets, proxyProtocol, onConnection, onEnd } =
      this.#options;
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
