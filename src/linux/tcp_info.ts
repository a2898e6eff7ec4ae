/**
 * Decodes the kernel's counters of a connection: TCP_INFO (tcp(7)).
 * @module
 */

/** The counters that Lull reads. A counter is undefined if this kernel does not have it. */
export interface TcpInfo {
  /** Packets on their way that the peer has not acknowledged. */
  readonly unacked: number | undefined;
  /** Probes of a full or silent peer that it has not answered. */
  readonly probes: number | undefined;
  /** Milliseconds since the last data was sent; since the accept if there was none. */
  readonly lastDataSentMs: number | undefined;
  /** Milliseconds since the last data was received; since the accept if there was none. */
  readonly lastDataReceivedMs: number | undefined;
  /** Milliseconds since the last packet was received. */
  readonly lastAckReceivedMs: number | undefined;
  /** Bytes that the client has acknowledged. */
  readonly bytesAcked: number | undefined;
  readonly bytesReceived: number | undefined;
}

/** Offsets in `struct tcp_info` (linux/tcp.h). New kernels only append to it. */
const PROBES = 3;
const UNACKED = 24;
const LAST_DATA_SENT = 44;
const LAST_DATA_RECV = 52;
const LAST_ACK_RECV = 56;
const BYTES_ACKED = 120;
const BYTES_RECEIVED = 128;

/** The number of bytes of the struct that Lull reads. */
export const TCP_INFO_BYTES = 136;

/** Decodes the bytes of the struct that the kernel filled. */
export function parseTcpInfo(bytes: Uint8Array): TcpInfo {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  function number(offset: number): number | undefined {
    if (offset + 4 > bytes.length) return undefined;
    return view.getUint32(offset, true);
  }
  function counter(offset: number): number | undefined {
    if (offset + 8 > bytes.length) return undefined;
    return Number(view.getBigUint64(offset, true));
  }
  return {
    unacked: number(UNACKED),
    probes: bytes[PROBES],
    lastDataSentMs: number(LAST_DATA_SENT),
    lastDataReceivedMs: number(LAST_DATA_RECV),
    lastAckReceivedMs: number(LAST_ACK_RECV),
    bytesAcked: counter(BYTES_ACKED),
    bytesReceived: counter(BYTES_RECEIVED),
  };
}
