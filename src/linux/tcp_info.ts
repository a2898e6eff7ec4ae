/**
 * Decodes the kernel's counters of a connection: TCP_INFO (tcp(7)).
 * @module
 */

/** The counters that Lull reads. A counter is undefined if this kernel does not have it. */
export interface TcpInfo {
  /** The number of the state: 1 is established, 8 is close-wait (tcp_states.h). */
  readonly state: number;
  /** Milliseconds since the last data was received; since the accept if there was none. */
  readonly lastDataReceivedMs: number;
  /** Bytes that the client has acknowledged. */
  readonly bytesAcked: number | undefined;
  readonly bytesReceived: number | undefined;
  /** Bytes that were sent to the network, including retransmissions (Linux 4.19). */
  readonly bytesSent: number | undefined;
}

/** Offsets in `struct tcp_info` (linux/tcp.h). New kernels only append to it. */
const LAST_DATA_RECV = 52;
const BYTES_ACKED = 120;
const BYTES_RECEIVED = 128;
const BYTES_SENT = 200;

/** The number of bytes of the struct that Lull reads. */
export const TCP_INFO_BYTES = 208;

/** Decodes the struct. The kernel filled its first `length` bytes. */
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
