/**
 * Closes connections that keep the agent waiting: neither runtime limits how
 * long a request's header may take, and Deno not how long one may idle.
 * @module
 */
import { shutdownConnection, tcpInfo } from "../linux/connections.ts";
import type { Libc } from "../linux/libc.ts";
import type { Log } from "../log.ts";
import type { ConnectionKeeper } from "./keeper.ts";

/** What the sweeper needs. */
export interface SweeperOptions {
  readonly libc: Libc;
  readonly keeper: ConnectionKeeper;
  /** Milliseconds from a request's first byte to the end of its header. */
  readonly headerTimeoutMs: number;
  /** Milliseconds that a kept-alive connection may be silent. */
  readonly idleTimeoutMs: number;
  readonly log: Log;
}

interface Seen {
  served: number;
  /** Bytes received when the last request was complete. */
  bytes: number;
  /** When it was last seen without a request. */
  idleSince: number;
  /** When a request was first seen to have begun, if one has. */
  halfSince: number | undefined;
}

/** One timer while the agent runs, none while it is quiesced. */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #intervalMs: number;
  #seen = new Map<string, Seen>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: SweeperOptions) {
    this.#options = options;
    const shortest = Math.min(options.headerTimeoutMs, options.idleTimeoutMs);
    this.#intervalMs = Math.max(50, Math.min(2000, shortest / 4));
  }

  start(): void {
    this.#timer ??= setInterval(() => this.sweep(), this.#intervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#seen.clear();
  }

  /** Looks at every connection once and closes those past their time. */
  sweep(): void {
    const { libc, keeper, log } = this.#options;
    const connections = keeper.list();
    const next = new Map<string, Seen>();
    for (const connection of connections) {
      const seen = this.#look(
        this.#seen.get(connection.inode),
        keeper.served(connection.peer),
        keeper.busy(connection.peer),
        tcpInfo(libc, connection)?.bytesReceived ?? 0,
      );
      next.set(connection.inode, seen);
      const why = this.#late(seen);
      if (why === undefined) continue;
      shutdownConnection(libc, connection);
      log.debug("connection closed", { why, peer: connection.peer.address });
    }
    this.#seen = next;
    keeper.forgetOthers(connections);
  }

  #look(
    before: Seen | undefined,
    served: number,
    busy: boolean,
    bytes: number,
  ): Seen {
    const now = performance.now();
    if (busy || before === undefined || before.served !== served) {
      const fresh = served === 0 && bytes > 0;
      return {
        served,
        bytes: fresh ? 0 : bytes,
        idleSince: now,
        halfSince: fresh ? now : undefined,
      };
    }
    if (bytes > before.bytes) before.halfSince ??= now;
    return before;
  }

  #late({ idleSince, halfSince }: Seen): string | undefined {
    const { headerTimeoutMs, idleTimeoutMs } = this.#options;
    const now = performance.now();
    if (halfSince !== undefined) {
      if (now - halfSince <= headerTimeoutMs) return undefined;
      return `no whole header within ${headerTimeoutMs} ms`;
    }
    if (now - idleSince <= idleTimeoutMs) return undefined;
    return `idle for ${idleTimeoutMs} ms`;
  }
}
