/**
 * What the kernel has counted on a connection: TCP_INFO (tcp(7)).
 * @module
 */

/** The counters that Lull reads; undefined where this kernel has none. */
export interface TcpInfo {
  /** Number of the state, 1 is established, 8 is close-wait (tcp_states.h). */
  readonly state: number;
  /** Since data last came in, or since the accept where none ever did. */
  readonly lastDataReceivedMs: number;
  /** Bytes that the client has acknowledged. */
  readonly bytesAcked: number | undefined;
  readonly bytesReceived: number | undefined;
  /** Bytes handed to the network, retransmissions included (Linux 4.19). */
  readonly bytesSent: number | undefined;
}

/** Offsets in `struct tcp_info` (linux/tcp.h), which only ever grows. */
const LAST_DATA_RECV = 52;
const BYTES_ACKED = 120;
const BYTES_RECEIVED = 128;
const BYTES_SENT = 200;

/** Bytes of the struct as far as Lull reads it. */
export const TCP_INFO_BYTES = 208;

/** Reads the struct, of which the kernel filled the first `length` bytes. */
export function parseTcpInfo(bytes: Uint8Array, length: number): TcpInfo {
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  function counter(offset: number): number | undefined {
    if (offset + 8 > length) return undefined;
    return Number(view.getBigUint64(offset, true));
  }
  return {
    state: view.getUint8(0),
    lastDataReceivedMs: view.getUint32(LAST_DATA_RECV, true),
    bytesAcked: counter(BYTES_ACKED),
    bytesReceived: counter(BYTES_RECEIVED),
    bytesSent: counter(BYTES_SENT),
  };
}
