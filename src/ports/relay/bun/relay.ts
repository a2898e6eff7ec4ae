/**
 * Carries one connection by Bun's own sockets. Their `write` buffers nothing: it
 * says how much the kernel took, and the rest is this file's to keep.
 * @module
 */
import type { RelayedConnection } from "../../listen.ts";

/** What belongs to an accepted socket, as soon as its relay has it. */
export type Accepted = Side | undefined;

/** One of the two sockets of a relay, and what is on its way into it. */
class Side {
  socket: Bun.Socket<Accepted> | undefined;
  other!: Side;
  /** What the kernel had no room for; while there is any, `other` rests. */
  readonly unsent: Uint8Array[] = [];
  /** Its peer has ended: nothing more comes out of it. */
  ended = false;
  /** Nothing more goes into it. */
  finished = false;
  closed = false;
  constructor(readonly relay: BunRelay) {}

  /** Takes what the other side received. */
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

  /** Goes on where the kernel had no room. */
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

  /** The other side's peer has ended: so do we, after what it has sent. */
  finish(): void {
    if (this.unsent.length > 0 || this.socket === undefined) return;
    this.finished = true;
    // The end of both directions closes; one alone leaves the other open.
    if (this.ended) this.socket.end();
    else this.socket.shutdown();
  }

  /** What the kernel did not take; undefined where nothing is left to do. */
  #write(bytes: Uint8Array): Uint8Array | undefined {
    const count = this.socket?.write(bytes) ?? -1;
    // Closed or being closed: its end is told on its own.
    if (count < 0 || count >= bytes.length) return undefined;
    return bytes.subarray(count);
  }
}

/** What happens to the two sockets; the listener's `open` makes their relay. */
export const CLIENT_HANDLERS: Bun.SocketHandler<Accepted> = {
  data: ({ data }, bytes) => data?.other.take(bytes),
  drain: ({ data }) => data?.flush(),
  end({ data }) {
    if (data === undefined) return;
    data.ended = true;
    if (data.finished) data.socket?.end();
    data.other.finish();
  },
  close({ data }, error) {
    if (data === undefined) return;
    // Whose other direction is finished is told of its end by this alone.
    if (error === undefined && data.finished) data.ended = true;
    data.relay.lost(data);
  },
  // One of these has thrown: neither end may wait for the other for ever.
  error: ({ data }) => data?.relay.reset(),
};

const TARGET_HANDLERS: Bun.SocketHandler<Accepted> = {
  ...CLIENT_HANDLERS,
  open: (socket) => socket.data?.relay.join(socket),
  connectError: () => {}, // the promise tells
};

/** A client, its target, and the bytes between them. */
export class BunRelay implements RelayedConnection {
  readonly #client = new Side(this);
  readonly #target = new Side(this);
  readonly #onEnd: () => void;
  #ended = false;

  /** Dials the targets in turn; `onEnd` is called when no socket is left. */
  constructor(
    client: Bun.Socket<Accepted>,
    port: number,
    targets: readonly string[],
    onEnd: () => void,
  ) {
    this.#onEnd = onEnd;
    this.#client.other = this.#target;
    this.#target.other = this.#client;
    this.#client.socket = client;
    client.data = this.#client;
    client.setNoDelay(true);
    // The client waits unread: what is read now would be lost to the next target.
    client.pause();
    void this.#dial(port, targets);
  }

  reset(): void {
    // A target that is being dialled is dropped as soon as it is there.
    if (this.#target.socket === undefined) this.#target.closed = true;
    this.#client.socket?.terminate();
    this.#target.socket?.terminate();
    this.#lookWhetherEnded();
  }

  /** The target is there. */
  join(socket: Bun.Socket<Accepted>): void {
    this.#target.socket = socket;
    if (this.#client.closed) {
      socket.terminate();
      return;
    }
    socket.setNoDelay(true);
    this.#client.socket?.resume();
  }

  /** A socket is closed, after the end of both directions or in the middle. */
  lost(side: Side): void {
    side.closed = true;
    const { other } = side;
    if (side.ended) {
      // After its regular end, what it sent must still arrive.
      if (!side.finished) other.ended = true;
      other.finish();
    } else other.socket?.terminate();
    this.#lookWhetherEnded();
  }

  async #dial(port: number, targets: readonly string[]): Promise<void> {
    for (const hostname of targets) {
      if (this.#client.closed) break;
      try {
        await Bun.connect<Accepted>({
          hostname,
          port,
          allowHalfOpen: true,
          data: this.#target,
          socket: TARGET_HANDLERS,
        });
        return;
      } catch {
        // the next one may accept
      }
    }
    this.#target.closed = true;
    this.#client.socket?.terminate();
    this.#lookWhetherEnded();
  }

  #lookWhetherEnded(): void {
    if (this.#ended || !this.#client.closed || !this.#target.closed) return;
    this.#ended = true;
    this.#onEnd();
  }
}
