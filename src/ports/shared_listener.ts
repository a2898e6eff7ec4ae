/**
 * Listens for all ports of one forward address on one socket, to which the kernel steers the clients:
 * see steering.ts. Runs in the forwarder's worker.
 * @module
 */
import { hasCode } from "../util/errors.ts";
import { MapWriter, u64 } from "../linux/bpf.ts";
import type { Libc } from "../linux/libc.ts";
import type { Listen, Listening, ListenOptions } from "./listen.ts";
import { PORT_SET_BYTES, type SteeredAddress } from "./steered_address.ts";

/**
 * The address of the shared sockets. It is a loopback address, so that no caller outside the guest
 * reaches a socket by itself, and it is Lull's own, so that the scanner can tell these sockets from
 * those of the workload.
 */
export const SHARED_ADDRESS = "127.76.117.108";

/**
 * The ports of the shared sockets, from this one on. A socket on loopback takes its port away from a
 * server on all addresses. Therefore these are ports that no service has (IANA), and that the kernel
 * gives to no program.
 */
const FIRST_PORT = 288;
const LAST_PORT = 307;
/** The kernel chooses a port: these are all taken, or this process may not have them. */
const ANY_PORT = 0;

/** Makes a listener of the runtime, without the fields that each port has of its own. */
export type ListenShared = (
  address: string,
  port: number,
  forPort: (port: number) => ListenOptions | undefined,
) => Required<Listening>;

/** One socket for all ports of a forward address; it is open while there is a port. */
export class SharedListener {
  readonly #libc: Libc;
  readonly #listen: ListenShared;
  readonly #host: string;
  readonly #firstPort: number;
  readonly #steered: SteeredAddress;
  readonly #ports = new Map<number, ListenOptions>();
  readonly #set = new Uint8Array(PORT_SET_BYTES);
  /** Whether the kernel knows the set. */
  #isTold = true;
  #socket: Listening | undefined;
  #writer: MapWriter | undefined;

  constructor(options: {
    readonly libc: Libc;
    readonly listen: ListenShared;
    /** The forward address. */
    readonly address: string;
    readonly steered: SteeredAddress;
    /** How many of these listeners there are already: their ports are not tried. */
    readonly others: number;
  }) {
    this.#libc = options.libc;
    this.#listen = options.listen;
    this.#steered = options.steered;
    this.#firstPort = FIRST_PORT + options.others;
    // A socket for IPv6 clients; the address of such a socket may be an IPv4 address.
    this.#host = options.address.includes(":")
      ? `::ffff:${SHARED_ADDRESS}`
      : SHARED_ADDRESS;
  }

  /** Gets the clients of one port from the next `flush` on; throws if that is impossible. */
  readonly listen: Listen = (options) => {
    const { port } = options;
    this.#open();
    this.#ports.set(port, options);
    this.#mark(port, true);
    return { close: () => this.#close(port) };
  };

  /** Tells the kernel which ports are steered: once for many ports. */
  flush(): void {
    if (this.#isTold) return;
    this.#writer?.set(0, this.#set);
    this.#isTold = true;
  }

  /** Ends all ports. */
  end(): void {
    this.#ports.clear();
    this.#set.fill(0);
    this.#isTold = false;
    this.flush();
    // The kernel removes a socket that is closed from its map.
    this.#socket?.close();
    this.#socket = undefined;
    this.#writer?.[Symbol.dispose]();
    this.#writer = undefined;
  }

  #open(): void {
    if (this.#socket !== undefined) return;
    const { ports, sockets } = this.#steered;
    this.#writer ??= new MapWriter(this.#libc, ports, PORT_SET_BYTES);
    const socket = this.#socket = this.#listenOnFree();
    using writer = new MapWriter(this.#libc, sockets, 8);
    writer.set(0, u64(BigInt(socket.fd)));
  }

  #listenOnFree(): Required<Listening> {
    const forPort = (port: number) => this.#ports.get(port);
    for (let port = this.#firstPort; port <= LAST_PORT; port++) {
      try {
        return this.#listen(this.#host, port, forPort);
      } catch (error) {
        if (!hasCode(error, "EADDRINUSE")) break;
      }
    }
    return this.#listen(this.#host, ANY_PORT, forPort);
  }

  #mark(port: number, steered: boolean): void {
    const bit = 1 << (port & 7);
    if (steered) this.#set[port >> 3] |= bit;
    else this.#set[port >> 3] &= ~bit;
    this.#isTold = false;
  }

  #close(port: number): void {
    if (!this.#ports.delete(port)) return;
    this.#mark(port, false);
    if (this.#ports.size === 0) this.end();
    else this.flush();
  }
}
