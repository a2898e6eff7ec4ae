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
 * socket does not listen, or if the line is damaged. Both tables share the format, except for the
 * length of an address.
 */
function parseLine(line: string): ListeningSocket | undefined {
  const words = line.split(" ").filter(Boolean);
  const [slot, local, remote, state, , , , , , inode] = words;
  if (state !== LISTEN || !slot.endsWith(":")) return undefined;
  const [address, port] = local.split(":");
  const { length } = address;
  const whole = (length === 8 || length === 32) && port?.length === 4 &&
    remote === `${"0".repeat(length)}:0000` &&
    isHex(address.slice(0, length / 2)) && isHex(address.slice(length / 2)) &&
    isHex(port) && Number.isSafeInteger(Number(inode));
  if (!whole) return undefined;
  return {
    address: formatIp(addressBytes(address)),
    port: parseInt(port, 16),
  };
}

function isHex(text: string): boolean {
  return !Number.isNaN(Number(`0x${text}`));
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
