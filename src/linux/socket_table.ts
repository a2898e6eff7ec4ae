/**
 * Reads the kernel's tables of TCP and UDP sockets with their inodes: /proc/net/tcp, tcp6, udp and
 * udp6, as proc_pid_net(5) describes them. These tables exist in every kernel; sock_diag(7) needs a
 * module of its own for UDP.
 * @module
 */
import { readFileSync } from "node:fs";
import { hasCode } from "../util/errors.ts";
import { formatIp } from "./ip.ts";

/** A socket that waits for clients: a TCP socket that listens, a UDP socket without a peer. */
export interface ServerSocket {
  /** The local address as text; an IPv4-mapped IPv6 address is written as IPv4. */
  readonly address: string;
  readonly port: number;
  readonly inode: string;
}

/** The states of net/tcp_states.h: TCP_LISTEN, and TCP_CLOSE, which a UDP socket without a peer has. */
const WAITING = { tcp: "0A", udp: "07" } as const;

/** `sl: local remote state queues timer retransmits uid timeout inode ...` */
const LINE =
  /^ *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:0000 ([0-9A-F]{2}) [0-9A-F]+:[0-9A-F]+ [0-9A-F]+:[0-9A-F]+ [0-9A-F]+ +\d+ +\d+ (\d+)(?: |$)/;

/** Reads the sockets of both families; a table that does not exist is empty. */
export function serverSockets(protocol: "tcp" | "udp"): ServerSocket[] {
  return [protocol, `${protocol}6`].flatMap((name) => {
    try {
      const text = readFileSync(`/proc/net/${name}`, "latin1");
      return parseServerSockets(text, protocol);
    } catch (error) {
      // A kernel without IPv6 has no tcp6 and no udp6.
      if (hasCode(error, "ENOENT")) return [];
      throw error;
    }
  });
}

/** The sockets in the text of one table. All other lines are skipped; never throws. */
export function parseServerSockets(
  text: string,
  protocol: "tcp" | "udp",
): ServerSocket[] {
  return text.split("\n").flatMap((line) => {
    const [, address, port, state, inode] = LINE.exec(line) ?? [];
    if (state !== WAITING[protocol]) return [];
    return [{
      address: formatIp(addressBytes(address)),
      port: parseInt(port, 16),
      inode,
    }];
  });
}

/** The kernel prints an address as 32-bit words of the machine, which is little-endian. */
function addressBytes(hex: string): Uint8Array {
  const bytes = Uint8Array.fromHex(hex);
  for (let word = 0; word < bytes.length; word += 4) {
    bytes.subarray(word, word + 4).reverse();
  }
  return bytes;
}
