/**
 * Relays one connection by Bun's own sockets. Their `write` has no buffer: it returns how many bytes
 * the kernel took, and this module keeps the others.
 * @module
 */
import type { Counter } from "../../counts.ts";
import type { RelayedConnection } from "../../listen.ts";
import { proxyHeader } from "../../proxy_header.ts";
import { unixPathOf } from "../../unix_targets.ts";

/** The data of an accepted socket; undefined until the socket has a relay. */
export type Accepted = Endpoint | undefined;

/** One of the two sockets of a relay, and the bytes that are to be written into it. */
class Endpoint {
  socket: Bun.Socket<Accepted> | undefined;
  other!: Endpoint;
  /** Bytes that the kernel had no room for; while there are any, `other` is paused. */
  readonly unsent: Uint8Array[] = [];
  /** Its peer has sent its last byte. */
  ended = false;
  /** Nothing more is written into it. */
  finished = false;
  closed = false;
  constructor(readonly relay: BunRelay) {}

  /** Writes what the other endpoint received. */
  take(bytes: Uint8Array): void {
    if (this.unsent.length > 0) {
      this.unsent.push(bytes);
      return;
    }
    const rest = this.#write(bytes);
    if (rest === undefined) return;
    this.unsent.push(rest);
    this.other.socket?.pause();
  }

  /** Writes the bytes that the kernel had no room for. */
  flush(): void {
    for (;;) {
      const [next] = this.unsent;
      if (next === undefined) break;
      const rest = this.#write(next);
      if (rest !== undefined) {
        this.unsent[0] = rest;
        return;
      }
      this.unsent.shift();
    }
    if (this.other.ended) this.finish();
    else this.other.socket?.resume();
  }

  /** Ends this direction after the last byte, because the other endpoint's peer has ended. */
  finish(): void {
    if (this.unsent.length > 0 || this.socket === undefined) return;
    this.finished = true;
    // If both directions have ended, close; otherwise, the other direction stays open.
    if (this.ended) this.socket.end();
    else this.socket.shutdown();
  }

  /** The bytes that the kernel did not take; undefined if nothing is left to do. */
  #write(bytes: Uint8Array): Uint8Array | undefined {
    const count = this.socket?.write(bytes) ?? -1;
    // The socket is closed or closing, which calls the handler `close`.
    if (count < 0 || count >= bytes.length) return undefined;
    return bytes.subarray(count);
  }
}

/** The handlers of an accepted socket; the listener's `open` makes the relay. */
export const CLIENT_HANDLERS: Bun.SocketHandler<Accepted> = {
  data({ data }, bytes) {
    if (data === undefined) return;
    data.relay.counter.received(bytes.length);
    data.other.take(bytes);
  },
  drain: ({ data }) => data?.flush(),
  end({ data }) {
    if (data === undefined) return;
    data.ended = true;
    if (data.finished) data.socket?.end();
    data.other.finish();
  },
  close({ data }, error) {
    if (data === undefined) return;
    // If the other direction is finished, Bun reports the end of the peer by this call only.
    if (error === undefined && data.finished) data.ended = true;
    data.relay.lost(data);
  },
  // A handler has thrown: without a reset, both peers could wait for each other for ever.
  error: ({ data }) => data?.relay.reset(),
};

const TARGET_HANDLERS: Bun.SocketHandler<Accepted> = {
  ...CLIENT_HANDLERS,
  data({ data }, bytes) {
    if (data === undefined) return;
    data.relay.counter.sent(bytes.length);
    data.other.take(bytes);
  },
  open: (socket) => socket.data?.relay.join(socket),
  connectError: () => {}, // the promise of Bun.connect rejects
};

/** What a relay needs beside the client. */
export interface RelayOptions {
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
export class BunRelay implements RelayedConnection {
  readonly counter: RelayOptions["counter"];
  readonly #client = new Endpoint(this);
  readonly #target = new Endpoint(this);
  readonly #options: RelayOptions;
  #ended = false;

  /** Dials the targets in their order. */
  constructor(client: Bun.Socket<Accepted>, options: RelayOptions) {
    this.#options = options;
    this.counter = options.counter;
    this.#client.other = this.#target;
    this.#target.other = this.#client;
    this.#client.socket = client;
    client.data = this.#client;
    client.setNoDelay(true);
    // Nothing is read from the client until a target is connected: the bytes would be lost.
    client.pause();
    void this.#dial();
  }

  get clientFd(): number | undefined {
    // The types of Bun do not have it.
    const socket = this.#client.socket as unknown as { readonly fd: number };
    return this.#client.closed ? undefined : socket.fd;
  }

  reset(): void {
    // A target that is being dialled is closed as soon as it is connected.
    if (this.#target.socket === undefined) this.#target.closed = true;
    this.#client.socket?.terminate();
    this.#target.socket?.terminate();
    this.#reportIfEnded();
  }

  /** Takes the connected socket of the target. */
  join(socket: Bun.Socket<Accepted>): void {
    this.#target.socket = socket;
    if (this.#client.closed) {
      socket.terminate();
      return;
    }
    socket.setNoDelay(true);
    const client = this.#client.socket;
    if (this.#options.proxyProtocol && client !== undefined) {
      this.#target.take(headerFor(client));
    }
    client?.resume();
  }

  /** Called when a socket is closed, after the end of both directions or before it. */
  lost(side: Endpoint): void {
    side.closed = true;
    const { other } = side;
    if (side.ended) {
      // After a regular end, the bytes that it sent must still arrive.
      if (!side.finished) other.ended = true;
      other.finish();
    } else other.socket?.terminate();
    this.#reportIfEnded();
  }

  async #dial(): Promise<void> {
    const { port, targets } = this.#options;
    for (const target of targets) {
      if (this.#client.closed) break;
      const options = {
        allowHalfOpen: true,
        data: this.#target,
        socket: TARGET_HANDLERS,
      };
      const unix = unixPathOf(target);
      try {
        await (unix === undefined
          ? Bun.connect<Accepted>({ ...options, hostname: target, port })
          : Bun.connect<Accepted>({ ...options, unix }));
        return;
      } catch {
        // The next target may accept the connection.
      }
    }
    this.#target.closed = true;
    this.#client.socket?.terminate();
    this.#reportIfEnded();
  }

  #reportIfEnded(): void {
    if (this.#ended || !this.#client.closed || !this.#target.closed) return;
    this.#ended = true;
    this.#options.onEnd();
  }
}

function headerFor(client: Bun.Socket<Accepted>): Uint8Array {
  const { remoteAddress, remotePort, localAddress, localPort } = client;
  return proxyHeader(
    { address: remoteAddress, port: remotePort },
    { address: localAddress, port: localPort },
  );
}
