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
 * The listening sockets in the text of one table, in its order. All other lines are skipped; never
 * throws. Compiles no regular expression: each fork would do that again at its first scan.
 */
export function parseListening(text: string): ListeningSocket[] {
  return text.split("\n").flatMap((line) => parseLine(line) ?? []);
}

/** The state TCP_LISTEN (include/net/tcp_states.h). */
const LISTEN = "0A";

/**
 * Reads `sl: local remote st queues timer retransmits uid timeout inode ...`; undefined if the
 * socket does not listen. Both tables share the format, except for the length of an address.
 */
function parseLine(line: string): ListeningSocket | undefined {
  const words = line.split(" ").filter(Boolean);
  const [slot, local, remote, state, , , , , , inode] = words;
  if (state !== LISTEN || !slot.endsWith(":")) return undefined;
  const [address, port] = local.split(":");
  const { length } = address;
  // Damaged lines are skipped as well.
  const whole = (length === 8 || length === 32) && port?.length === 4 &&
    remote === `${"0".repeat(length)}:0000` && inode !== undefined &&
    isHex(address.slice(0, length / 2)) && isHex(address.slice(length / 2)) &&
    isHex(port) && Number.isSafeInteger(Number(inode));
  if (!whole) return undefined;
  const bytes = addressBytes(address);
  return {
    family: bytes.length === 4 ? 4 : 6,
    address: bytes.length === 4 ? bytes.join(".") : ipv6Text(bytes),
    port: parseInt(port, 16),
    inode: Number(inode),
  };
}

function isHex(text: string): boolean {
  return !Number.isNaN(Number(`0x${text}`));
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
