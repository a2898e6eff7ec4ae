/**
 * Relays one vsock connection to a unix socket. `write` of Bun's sockets has no buffer: it returns
 * how many bytes the kernel took, and this module keeps the others.
 * @module
 */

/** The unix socket of one connection. */
export interface RelayTarget {
  readonly path: string;
  /** Whether the close of the connection is left to the caller. */
  readonly callerCloses: boolean;
}

/** Where a relay gets its targets. */
export interface RelayOptions {
  readonly take: () => RelayTarget;
  /** Called when the connection to the target has ended. */
  readonly release: (target: RelayTarget) => void;
  /** Called when the vsock connection has ended. */
  readonly onClose: () => void;
  readonly onError: (error: unknown) => void;
}

type Socket = Bun.Socket<VsockRelay | undefined>;

/** One of the two sockets, and the bytes for it that the kernel had no room for. */
class Outlet {
  readonly socket: Socket;
  #unsent: Uint8Array[] = [];
  /** Whether the socket is to be closed after the last byte. */
  #ends = false;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** Writes the bytes; `source`, where they come from, pauses while the kernel has no room. */
  write(bytes: Uint8Array, source: Socket): void {
    if (this.#unsent.length > 0) {
      this.#unsent.push(bytes);
      return;
    }
    const written = this.socket.write(bytes);
    // A socket that is closing takes no bytes.
    if (written < 0 || written >= bytes.length) return;
    this.#unsent.push(bytes.subarray(written));
    source.pause();
  }

  /** Writes the bytes that are left; true if none is left. */
  flush(): boolean {
    for (let next = this.#unsent[0]; next !== undefined;) {
      const written = this.socket.write(next);
      if (written >= 0 && written < next.length) {
        this.#unsent[0] = next.subarray(written);
        return false;
      }
      this.#unsent.shift();
      next = this.#unsent[0];
    }
    if (this.#ends) this.socket.end();
    return true;
  }

  /** Whether the kernel has taken all bytes. */
  get isEmpty(): boolean {
    return this.#unsent.length === 0;
  }

  /** Closes the socket after the last byte. */
  end(): void {
    this.#ends = true;
    this.flush();
  }
}

/** A vsock connection, and its connection to a target while it needs one. */
export class VsockRelay {
  readonly #options: RelayOptions;
  readonly #vsock: Outlet;
  #target: RelayTarget | undefined;
  #inner: Outlet | undefined;
  /** What arrived before the target is connected. */
  #early: Uint8Array[] = [];
  #closed = false;

  constructor(socket: Socket, options: RelayOptions) {
    this.#options = options;
    this.#vsock = new Outlet(socket);
  }

  /** Takes bytes of the vsock connection. The first ones connect the target. */
  receive(bytes: Uint8Array): void {
    if (this.#inner !== undefined) {
      this.#inner.write(bytes, this.#vsock.socket);
      return;
    }
    this.#early.push(bytes);
    if (this.#target !== undefined) return;
    this.#vsock.socket.pause();
    this.#connect().catch((error) => {
      this.#options.onError(error);
      this.#vsock.socket.terminate();
    });
  }

  async #connect(): Promise<void> {
    const target = this.#target = this.#options.take();
    try {
      await Bun.connect<VsockRelay | undefined>({
        unix: target.path,
        data: this,
        socket: TARGET_HANDLERS,
      });
    } catch (error) {
      this.#target = undefined;
      this.#options.release(target);
      throw error;
    }
  }

  /** Takes the connected socket of the target. */
  join(socket: Socket): void {
    if (this.#closed) return void socket.terminate();
    const inner = this.#inner = new Outlet(socket);
    const { socket: vsock } = this.#vsock;
    vsock.resume();
    for (const bytes of this.#early.splice(0)) inner.write(bytes, vsock);
  }

  /** Takes bytes of the target. */
  reply(bytes: Uint8Array): void {
    if (this.#inner !== undefined) {
      this.#vsock.write(bytes, this.#inner.socket);
    }
  }

  /** Called when the vsock connection can take bytes again. */
  drained(): void {
    if (this.#vsock.flush()) this.#inner?.socket.resume();
  }

  /** Called when the target can take bytes again. */
  innerDrained(): void {
    if (this.#inner?.flush() === true) this.#vsock.socket.resume();
  }

  /** As `letGo` of the server. */
  letGo(): boolean {
    if (!this.#vsock.isEmpty) return false;
    // Closes the descriptor, without shutdown(2).
    this.#vsock.socket.terminate();
    return true;
  }

  /** Called when the vsock connection has ended. */
  closed(): void {
    this.#closed = true;
    this.#options.onClose();
    this.#inner?.socket.terminate();
  }

  /**
   * Called when the target has ended its connection. The vsock connection ends too, or stays open
   * if its caller is to close it; further bytes connect a target again.
   */
  innerClosed(): void {
    const target = this.#target;
    this.#inner = undefined;
    this.#target = undefined;
    if (target === undefined) return;
    if (!this.#closed && !target.callerCloses) this.#vsock.end();
    else this.#vsock.socket.resume();
    this.#options.release(target);
  }
}

/** The handlers of a vsock connection; the listener adds `open`. */
export const VSOCK_HANDLERS: Bun.SocketHandler<VsockRelay | undefined> = {
  data: ({ data }, bytes) => data?.receive(bytes),
  drain: ({ data }) => data?.drained(),
  close: ({ data }) => data?.closed(),
  // A handler has thrown: without this, both ends could wait for each other for ever.
  error: (socket) => void socket.terminate(),
};

const TARGET_HANDLERS: Bun.SocketHandler<VsockRelay | undefined> = {
  open: (socket) => socket.data?.join(socket),
  data: ({ data }, bytes) => data?.reply(bytes),
  drain: ({ data }) => data?.innerDrained(),
  close: ({ data }) => data?.innerClosed(),
  error: (socket) => void socket.terminate(),
  connectError: () => {}, // the promise of Bun.connect rejects
};
