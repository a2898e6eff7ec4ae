/**
 * Looks whether a request is arriving on a connection: what the kernel knows of it, before the handler
 * of the runtime has been called.
 * @module
 */
import { type Connection, tcpInfo, unreadBytes } from "../linux/connection.ts";
import type { Libc } from "../linux/libc.ts";
import type { TcpInfo } from "../linux/tcp_info.ts";

/**
 * Milliseconds from a connect to the first byte, for a caller that loses its CPU between the two, and
 * from a byte to the call of the handler, for an agent that loses its CPU. A connection that has sent
 * nothing for longer is idle.
 */
export const FRESH_MS = 50;
/**
 * Milliseconds from the last byte of a request to the call of its handler, for an agent that the whole
 * machine keeps waiting. Half a request that is older does not delay a prepare.
 */
const ARRIVED_MS = 1000;

/**
 * What a look at a connection finds:
 * - `fresh`: the connect or the last byte was a short time ago, and nothing was sent since then.
 * - `unread`: the runtime has not read all bytes.
 * - `unanswered`: all bytes are read, and nothing was sent since the last one: half a request, or one
 *   whose handler is about to be called.
 * - `half`: the same, but the last byte is so old that this is half a request.
 * - `uncounted`: all bytes are read; the kernel knows no more of a unix or vsock connection.
 * - a number: so many bytes were received, and all of them are read and answered. 0 if there was none.
 */
export type Finding =
  | "fresh"
  | "unread"
  | "unanswered"
  | "half"
  | "uncounted"
  | number;

/** Looks at a connection that was listed in the same turn of the event loop. */
export function lookAt(libc: Libc, connection: Connection): Finding {
  if (unreadBytes(libc, connection) > 0) return "unread";
  const { peer } = connection;
  if (peer.unix || peer.cid !== undefined) return "uncounted";
  const info = tcpInfo(libc, connection);
  if (info === undefined) return 0;
  const { bytesReceived = 0, lastDataReceivedMs = FRESH_MS } = info;
  if (isAnswered(info)) return bytesReceived;
  if (lastDataReceivedMs < FRESH_MS) return "fresh";
  if (bytesReceived === 0) return 0;
  return lastDataReceivedMs < ARRIVED_MS ? "unanswered" : "half";
}

/** Whether a request may be arriving on this connection; unknown, so false, if it is `uncounted`. */
export function isArriving(libc: Libc, connection: Connection): boolean {
  const found = lookAt(libc, connection);
  return found === "fresh" || found === "unread" || found === "unanswered";
}

/** Whether the agent has sent something since it received the last byte. */
function isAnswered(info: TcpInfo): boolean {
  const { bytesAcked = 0, unacked = 0 } = info;
  if (bytesAcked === 0 && unacked === 0) return false;
  const { lastDataSentMs = 0, lastDataReceivedMs = 0 } = info;
  return lastDataSentMs <= lastDataReceivedMs;
}
