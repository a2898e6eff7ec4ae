/**
 * Connections whose only descriptor is the agent's own: the runtime has closed its descriptor, and
 * the client sees an open connection.
 * @module
 */
import { type Connection, endReading } from "../linux/connection.ts";
import { type Libc, requireSymbol } from "../linux/libc.ts";
import { hungUp } from "../linux/poll.ts";
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "../linux/socket_constants.ts";

/** fcntl(2): a copy of the descriptor that programs of the agent do not inherit. */
const F_DUPFD_CLOEXEC = 1030;
/** The last chunk of a body of unknown length (RFC 9112, 7.1). */
const LAST_CHUNK = new TextEncoder().encode("0\r\n\r\n");

/** One connection, by the agent's own descriptor. */
export interface ParkedConnection {
  readonly fd: number;
  readonly inode: string;
  /** False until it is certain that this is the connection of a stream, which only the agent can end. */
  isStream: boolean;
}

/** Holds connections that no event loop knows. */
export class Parked {
  readonly #libc: Libc;
  readonly #letGo: (fd: number) => boolean;
  #all: ParkedConnection[] = [];

  /**
   * `letGo` makes the server of a vsock connection close its descriptor, and nothing is sent; false
   * if the server cannot.
   */
  constructor(libc: Libc, letGo: (fd: number) => boolean) {
    this.#libc = libc;
    this.#letGo = letGo;
  }

  get size(): number {
    return this.#all.length;
  }

  has(inode: string): boolean {
    return this.#all.some((parked) => parked.inode === inode);
  }

  /**
   * Makes the runtime close its descriptor of the connection, after this has made another. Undefined
   * if no descriptor is free, or if the runtime keeps its own.
   */
  add(connection: Connection): ParkedConnection | undefined {
    const { peer, inode } = connection;
    const fcntl = requireSymbol(this.#libc, "fcntl");
    const fd = fcntl(connection.fd, F_DUPFD_CLOEXEC, 0);
    if (typeof fd !== "number" || fd < 0) return undefined;
    const parked = { fd, inode, isStream: false };
    this.#all.push(parked);
    // Sends nothing. The runtime reads the end, and closes its descriptor. The end of reading on
    // vsock would be sent to the host.
    const closes = peer.cid === undefined
      ? endReading(this.#libc, connection)
      : this.#letGo(connection.fd);
    if (closes) return parked;
    this.drop(parked);
    return undefined;
  }

  /** Closes one connection without a word. */
  drop(parked: ParkedConnection): void {
    if (!this.#all.includes(parked)) return;
    this.#all = this.#all.filter((one) => one !== parked);
    requireSymbol(this.#libc, "close")(parked.fd);
  }

  /** Writes the end of the streams, and closes their connections. */
  release(): void {
    for (const parked of this.#all.filter(({ isStream }) => isStream)) {
      this.end(parked);
    }
  }

  /** Writes the end of one stream, and closes its connection. */
  end(parked: ParkedConnection): void {
    if (!this.#all.includes(parked)) return;
    const length = BigInt(LAST_CHUNK.length);
    const send = requireSymbol(this.#libc, "send");
    send(parked.fd, LAST_CHUNK, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    this.drop(parked);
  }

  /** Closes the connections whose clients have gone. */
  dropHungUp(): void {
    const gone = hungUp(this.#libc, this.#all.map(({ fd }) => fd));
    for (const parked of this.#all.filter(({ fd }) => gone.includes(fd))) {
      this.drop(parked);
    }
  }
}
