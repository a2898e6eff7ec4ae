/**
 * Reads the kernel's tables of TCP sockets: /proc/net/tcp and /proc/net/tcp6,
 * as proc_pid_net(5) describes them.
 * @module
 */

/** A TCP socket that listens. */
export interface ListeningSocket {
  readonly family: 4 | 6;
  /** As text: dotted, or as RFC 5952 writes IPv6. */
  readonly address: string;
  readonly port: number;
  /** The inode of the socket, as in the links of /proc/PID/fd. */
  readonly inode: number;
}

/**
 * `sl: local remote st queues timer retransmits uid timeout inode ...`, in which
 * the state 0A is TCP_LISTEN (include/net/tcp_states.h). Both tables share the
 * format, except for the length of an address.
 */
const LISTENING =
  /^ *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:0000 0A [0-9A-F]+:[0-9A-F]+ [0-9A-F]+:[0-9A-F]+ [0-9A-F]+ +\d+ +\d+ (\d+)(?: |$)/;

/**
 * The listening sockets in the text of one table, in its order. All other lines are skipped; never
 * throws.
 */
export function parseListening(text: string): ListeningSocket[] {
  const sockets: ListeningSocket[] = [];
  for (const line of text.split("\n")) {
    const [, address, port, inode] = LISTENING.exec(line) ?? [];
    if (address === undefined) continue;
    const bytes = addressBytes(address);
    sockets.push({
      family: bytes.length === 4 ? 4 : 6,
      address: bytes.length === 4 ? bytes.join(".") : ipv6Text(bytes),
      port: parseInt(port, 16),
      inode: Number(inode),
    });
  }
  return sockets;
}

/**
 * The kernel prints an address as 32-bit words of the machine's byte order;
 * every machine that Deno and Bun run on is little-endian.
 */
function addressBytes(hex: string): number[] {
  const bytes: number[] = [];
  for (let word = 0; word < hex.length; word += 8) {
    for (let byte = 6; byte >= 0; byte -= 2) {
      bytes.push(parseInt(hex.slice(word + byte, word + byte + 2), 16));
    }
  }
  return bytes;
}

/** RFC 5952: the longest run of zeros (the first, at least two) is `::`. */
function ipv6Text(bytes: readonly number[]): string {
  const mapped = bytes.every((byte, i) => i > 11 || byte === MAPPED[i]);
  if (mapped) return `::ffff:${bytes.slice(12).join(".")}`;
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) {
    groups.push((bytes[i] << 8 | bytes[i + 1]).toString(16));
  }
  const [from, length] = longestZeros(groups);
  if (length < 2) return groups.join(":");
  const head = groups.slice(0, from).join(":");
  return `${head}::${groups.slice(from + length).join(":")}`;
}

/** ::ffff:0:0/96, RFC 4291 section 2.5.5.2. */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255];

function longestZeros(groups: readonly string[]): [number, number] {
  let best: [number, number] = [0, 0];
  for (let from = 0; from < groups.length; from++) {
    let to = from;
    while (groups[to] === "0") to++;
    if (to - from > best[1]) best = [from, to - from];
  }
  return best;
}
