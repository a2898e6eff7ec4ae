/**
 * What a sweep knows of a connection, and when it has taken too long.
 * @module
 */
import { type Connection, tcpInfo } from "../linux/connection.ts";
import type { Libc } from "../linux/libc.ts";
import type { ConnectionTracker } from "./tracker.ts";

/** A connection, as the last sweep found it. */
export interface Observation {
  readonly connection: Connection;
  served: number;
  busy: boolean;
  /** Bytes received when the last request was complete. */
  bytes: number;
  /** When it was last seen without a request. */
  idleSince: number;
  /** When a request was first seen to have begun, if one has. */
  halfSince: number | undefined;
}

/** How long a client may take, in milliseconds. */
export interface ClientTimeouts {
  /** From a request's first byte to the end of its header. */
  readonly headerTimeoutMs: number;
  /** That a kept-alive connection may be silent. */
  readonly idleTimeoutMs: number;
}

/** Looks at a connection, of which the sweep before this one knew as much. */
export function look(
  libc: Libc,
  tracker: Pick<ConnectionTracker, "served" | "busy">,
  connection: Connection,
  before: Observation | undefined,
): Observation {
  const now = performance.now();
  const served = tracker.served(connection.peer);
  const busy = tracker.busy(connection.peer);
  const bytes = tcpInfo(libc, connection)?.bytesReceived ?? 0;
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

/** Why it is to be closed, or undefined where it may stay. */
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
