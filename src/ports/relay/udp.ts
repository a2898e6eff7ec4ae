/**
 * Forwards UDP by node:dgram, on both runtimes. It is loaded only for the first UDP port.
 * @module
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import type { Listening, ListenOptions, RelayedConnection } from "../listen.ts";

/** Milliseconds without a datagram after which the mapping of a client ends. */
const IDLE_MS = 60_000;
/** The most mappings of all ports together: each has a socket. */
const MOST_MAPPINGS = 1024;

/** The limits, which tests replace. */
export interface UdpLimits {
  readonly idleMs: number;
  readonly mostMappings: number;
}

const LIMITS: UdpLimits = { idleMs: IDLE_MS, mostMappings: MOST_MAPPINGS };

/** The mappings of all ports in this thread. */
let mappings = 0;

/** Listens for datagrams; rejects if that is impossible. */
export async function listen(
  options: ListenOptions,
  limits = LIMITS,
): Promise<Listening> {
  const listener = new UdpListener(options, limits);
  await listener.bind();
  return listener;
}

/** The type of a socket for an address, in the words of node:dgram. */
function typeFor(address: string): "udp4" | "udp6" {
  return address.includes(":") ? "udp6" : "udp4";
}

/**
 * A socket on the forward address. Replies leave from it, so that a client sees the address to which
 * it has sent: when the listener closes, its mappings end.
 */
class UdpListener implements Listening {
  readonly #options: ListenOptions;
  readonly #limits: UdpLimits;
  readonly #socket: Socket;
  /** By the address and the port of the client. */
  readonly #mappings = new Map<string, UdpMapping>();
  /** Runs while there is a mapping. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ListenOptions, limits: UdpLimits) {
    this.#options = options;
    this.#limits = limits;
    this.#socket = createSocket(typeFor(options.address));
  }

  bind(): Promise<void> {
    const { address, port } = this.#options;
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      socket.once("error", (error) => {
        socket.close();
        reject(error);
      });
      socket.bind({ address, port, exclusive: true }, () => {
        socket.removeAllListeners("error");
        // A client that refuses a reply (ICMP) is no reason to end.
        socket.on("error", () => {});
        socket.on("message", (bytes, client) => this.#onMessage(bytes, client));
        resolve();
      });
    });
  }

  close(): void {
    for (const mapping of this.#mappings.values()) mapping.reset();
    this.#socket.close();
  }

  #onMessage(bytes: Uint8Array, client: RemoteInfo): void {
    const key = `${client.address} ${client.port}`;
    const mapping = this.#mappings.get(key) ?? this.#open(key, client);
    // Without room for another client, the datagram is dropped, as UDP allows.
    if (mapping === undefined) return;
    this.#options.counter.received(bytes.length);
    mapping.take(bytes);
  }

  #open(key: string, client: RemoteInfo): UdpMapping | undefined {
    const [target] = this.#options.targets();
    if (target === undefined || mappings >= this.#limits.mostMappings) {
      return undefined;
    }
    mappings++;
    const { port, counter, onConnection, onEnd } = this.#options;
    const mapping = new UdpMapping({
      ...{ target, port },
      reply: (bytes) => {
        counter.sent(bytes.length);
        this.#socket.send(bytes, client.port, client.address);
      },
      onEnd: () => {
        mappings--;
        this.#mappings.delete(key);
        if (this.#mappings.size === 0) clearTimeout(this.#timer);
        onEnd(mapping);
      },
    });
    this.#mappings.set(key, mapping);
    onConnection(mapping);
    if (this.#mappings.size === 1) this.#wait(this.#limits.idleMs);
    return mapping;
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#endIdle(), ms);
  }

  /** Ends the mappings whose time is over, and waits for that of the next one. */
  #endIdle(): void {
    const now = performance.now();
    const { idleMs } = this.#limits;
    let next = idleMs;
    for (const mapping of [...this.#mappings.values()]) {
      const left = mapping.lastUsed + idleMs - now;
      if (left <= 0) mapping.reset();
      else next = Math.min(next, left);
    }
    if (this.#mappings.size > 0) this.#wait(Math.ceil(next));
  }
}

/** What a mapping needs. */
interface MappingOptions {
  readonly target: string;
  readonly port: number;
  readonly reply: (bytes: Uint8Array) => void;
  readonly onEnd: () => void;
}

/** One client, and the socket that stands for it towards the server. */
class UdpMapping implements RelayedConnection {
  readonly #options: MappingOptions;
  readonly #socket: Socket;
  /** The datagrams until the socket is connected. */
  #early: Uint8Array[] | undefined = [];
  #ended = false;
  /** The time of performance.now() of the last datagram, in either direction. */
  lastUsed = performance.now();

  constructor(options: MappingOptions) {
    this.#options = options;
    const { target, port } = options;
    const socket = this.#socket = createSocket(typeFor(target));
    // A server that has gone refuses (ICMP); a later datagram may find it again. A socket that could not
    // be made or connected is of no use: the next datagram gets another one.
    socket.on("error", () => {
      if (this.#early !== undefined) this.reset();
    });
    socket.on("message", (bytes, from) => {
      // Deno's sockets take datagrams of any sender, although they are connected.
      if (from.port !== port || from.address !== target) return;
      this.lastUsed = performance.now();
      options.reply(bytes);
    });
    socket.connect(port, target, (error?: unknown) => {
      // Bun calls this also if that has failed.
      if (error) return this.reset();
      const early = this.#early ?? [];
      this.#early = undefined;
      for (const bytes of early) this.#send(bytes);
    });
  }

  /** Sends a datagram of the client to the server. */
  take(bytes: Uint8Array): void {
    this.lastUsed = performance.now();
    if (this.#early === undefined) this.#send(bytes);
    else this.#early.push(bytes);
  }

  reset(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.close();
    this.#options.onEnd();
  }

  #send(bytes: Uint8Array): void {
    if (!this.#ended) this.#socket.send(bytes);
  }
}
