/**
 * Reads the kernel's tables of TCP sockets: /proc/net/tcp and /proc/net/tcp6,
 * as proc_pid_net(5) describes them.
 * @module
 */
import { formatIp } from "../linux/ip.ts";

/** A TCP socket that listens. */
export interface ListeningSocket {
  /** As text; an IPv4-mapped IPv6 address as IPv4. */
  readonly address: string;
  readonly port: number;
}

/**
 * `sl: local remote st queues timer retransmits uid timeout inode ...`, in which
 * the state 0A is TCP_LISTEN (include/net/tcp_states.h). Both tables share the
 * format, except for the length of an address.
 */
const LISTENING =
  /^ *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:0000 0A [0-9A-F]+:[0-9A-F]+ [0-9A-F]+:[0-9A-F]+ [0-9A-F]+ +\d+ +\d+ \d+(?: |$)/;

/**
 * The listening sockets in the text of one table, in its order. All other lines are skipped; never
 * throws.
 */
export function parseListening(text: string): ListeningSocket[] {
  return text.split("\n").flatMap((line) => {
    const [, address, port] = LISTENING.exec(line) ?? [];
    if (address === undefined) return [];
    return [{
      address: formatIp(addressBytes(address)),
      port: parseInt(port, 16),
    }];
  });
}

/**
 * The kernel prints an address as 32-bit words of the machine's byte order;
 * every machine that Deno and Bun run on is little-endian.
 */
function addressBytes(hex: string): Uint8Array {
  const bytes = Uint8Array.fromHex(hex);
  for (let word = 0; word < bytes.length; word += 4) {
    bytes.subarray(word, word + 4).reverse();
  }
  return bytes;
}
