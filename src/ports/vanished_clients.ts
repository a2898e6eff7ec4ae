/**
 * Ends the connections of clients that have vanished, for example because their link is down. Runs in
 * the forwarder's worker.
 *
 * The kernel probes a client that is silent (keepalive), but not while bytes are on their way to it.
 * TCP_USER_TIMEOUT would end such connections, but it also ends those of a client that is there and
 * reads nothing for that time, because its window stays closed (`tcp_probe_timer` of the kernel).
 * Therefore this module asks the kernel for the last answer of each client.
 * @module
 */
import type { Libc } from "../linux/libc.ts";
import {
  IPPROTO_TCP,
  SO_KEEPALIVE,
  SOL_SOCKET,
  TCP_INFO,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
} from "../linux/socket_constants.ts";
import { setSocketOption, socketOption } from "../linux/socket_option.ts";
import { parseTcpInfo, TCP_INFO_BYTES } from "../linux/tcp_info.ts";
import type { ListenModule, RelayedConnection } from "./listen.ts";

/** A silent client is probed after 10 s, three times; its connection ends 25 s after its last packet. */
const KEEPALIVE = [
  [TCP_KEEPIDLE, 10],
  [TCP_KEEPINTVL, 5],
  [TCP_KEEPCNT, 3],
] as const;

/** Milliseconds without an answer to a packet that is on its way. */
const UNANSWERED_MS = 15_000;
/** Probes without an answer. A client that is there answers each of them at once. */
const UNANSWERED_PROBES = 3;
/** Milliseconds between two looks; there is no timer without a connection. */
const LOOK_MS = 10_000;

/** Turns keepalive on; the connections that a socket accepts inherit it. */
export function keepAlive(libc: Libc, fd: number): void {
  if (libc.setsockopt === undefined) return;
  setSocketOption(libc, fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  for (const [option, value] of KEEPALIVE) {
    setSocketOption(libc, fd, IPPROTO_TCP, option, value);
  }
}

/** Whether the client of this socket does not answer any more. */
export function hasVanished(libc: Libc, fd: number): boolean {
  const bytes = socketOption(libc, fd, IPPROTO_TCP, TCP_INFO, TCP_INFO_BYTES);
  if (bytes === undefined) return false;
  const { unacked = 0, probes = 0, lastAckReceivedMs = 0 } = parseTcpInfo(
    bytes,
  );
  return lastAckReceivedMs > UNANSWERED_MS &&
    (unacked > 0 || probes >= UNANSWERED_PROBES);
}

/** Looks for clients that have vanished while there is a connection. */
export class VanishedClients {
  readonly #connections: ReadonlySet<RelayedConnection>;
  readonly #loading: () => Promise<Pick<ListenModule, "loadLibc">>;
  #libc: Libc | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    connections: ReadonlySet<RelayedConnection>,
    loading: () => Promise<Pick<ListenModule, "loadLibc">>,
  ) {
    this.#connections = connections;
    this.#loading = loading;
  }

  /** Must be called for each new connection. */
  watch(): void {
    this.#timer ??= setTimeout(() => this.#look(), LOOK_MS);
  }

  async #look(): Promise<void> {
    this.#libc ??= (await this.#loading()).loadLibc();
    for (const connection of this.#connections) {
      const { clientFd } = connection;
      if (clientFd !== undefined && hasVanished(this.#libc, clientFd)) {
        connection.reset();
      }
    }
    this.#timer = undefined;
    if (this.#connections.size > 0) this.watch();
  }
}
