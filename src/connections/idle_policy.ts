/**
 * What a sweep knows about a connection, and when a connection has exceeded its timeouts.
 * @module
 */
import { type Connection, tcpInfo } from "../linux/connection.ts";
import type { Libc } from "../linux/libc.ts";
import type { Exchanges } from "./exchanges.ts";

/** The state of a connection at the last sweep. */
export interface Observation {
  readonly connection: Connection;
  served: number;
  busy: boolean;
  /** The number of bytes that had been received when the last request was complete. */
  bytes: number;
  /** Since when the connection has had no request, in milliseconds of performance.now(). */
  idleSince: number;
  /** When the sweep first saw half a request; undefined if there is none. */
  halfSince: number | undefined;
}

/** The timeouts of clients, in milliseconds. */
export interface ClientTimeouts {
  /** The longest time from a request's first byte to the end of its header. */
  readonly headerTimeoutMs: number;
  /** The longest time that a kept-alive connection may be silent. */
  readonly idleTimeoutMs: number;
}

/** Looks at a connection; `before` is the observation of the sweep before this one. */
export function look(
  libc: Libc,
  exchanges: Exchanges,
  connection: Connection,
  before: Observation | undefined,
): Observation {
  const now = performance.now();
  const served = exchanges.served(connection.peer);
  const busy = exchanges.busy(connection.peer);
  // A vsock connection does not count its bytes: half a request on it is closed as idle.
  const bytes = connection.peer.cid === undefined
    ? tcpInfo(libc, connection)?.bytesReceived ?? 0
    : 0;
  if (busy || before === undefined || before.served !== served) {
    const fresh = served === 0 && bytes > 0;
    return {
      connection,
      served,
      busy,
      bytes: fresh ? 0 : bytes,
      idleSince: now,
      halfSince: fresh ? now : undefined,
    };
  }
  before.busy = false;
  if (bytes > before.bytes) before.halfSince ??= now;
  return before;
}

/** Why the connection has to be closed; undefined if it may stay open. */
export function whyClose(
  { idleSince, halfSince }: Observation,
  { headerTimeoutMs, idleTimeoutMs }: ClientTimeouts,
): string | undefined {
  const now = performance.now();
  if (halfSince !== undefined) {
    if (now - halfSince <= headerTimeoutMs) return undefined;
    return `no whole header within ${headerTimeoutMs} ms`;
  }
  if (now - idleSince <= idleTimeoutMs) return undefined;
  return `idle for ${idleTimeoutMs} ms`;
}
