/**
 * Parses the addresses that users write for the options `listen`, `forwardAddress` and `forwardUnix`.
 * @module
 */
import { hasPrefix, parseIp } from "../linux/ip.ts";
import type { ListenAddress } from "../runtime/types.ts";
import { PORT } from "../util/port_ranges.ts";

/** The highest port of vsock; the number above it stands for any port (vsock(7)). */
const MAX_VSOCK_PORT = 2 ** 32 - 2;

/**
 * Parses HOST:PORT, [ADDRESS]:PORT with an IPv6 address, unix:PATH with an
 * absolute path, or vsock:PORT. Returns undefined for any other text. Port 0
 * stands for a port that the kernel chooses; vsock has no such port.
 */
export function parseListen(text: string): ListenAddress | undefined {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    return /^\/./.test(path) ? { path } : undefined;
  }
  if (text.startsWith("vsock:")) {
    const digits = text.slice("vsock:".length);
    const vsockPort = /^\d{1,10}$/.test(digits) ? Number(digits) : 0;
    return vsockPort > 0 && vsockPort <= MAX_VSOCK_PORT
      ? { vsockPort }
      : undefined;
  }
  const found = /^(?:\[([^\]%]+)\]|([^\s/:\[\]]+)):(\d{1,5})$/.exec(text);
  if (found === null) return undefined;
  const [, ipv6, name, digits] = found;
  if (ipv6 !== undefined && parseIp(ipv6)?.length !== 16) return undefined;
  const port = Number(digits);
  return port <= 65_535 ? { host: ipv6 ?? name, port } : undefined;
}

/** The accepted forms of an address, for help and error texts. */
export const LISTEN_FORM = "HOST:PORT, [IPv6]:PORT, unix:PATH or vsock:PORT";

/** fe80::/10 (RFC 4291, 2.5.6): a socket of such an address also needs the interface. */
const LINK_LOCAL = {
  prefix: Uint8Array.of(0xfe, 0x80, ...Array(14).fill(0)),
  bits: 10,
};

/** Whether ports can be forwarded from the address: IPv4, or IPv6 that is not link-local. */
export function isForwardAddress(text: string): boolean {
  const ip = parseIp(text);
  return ip !== undefined && !hasPrefix(ip, LINK_LOCAL.prefix, LINK_LOCAL.bits);
}

/** The accepted forms of such an address, for help and error texts. */
export const FORWARD_ADDRESS_FORM =
  "IP addresses other than link-local ones of IPv6";

/** Matches the path of a unix socket, as long as sockaddr_un allows, and a port: `PATH=PORT`. */
export const UNIX_PORT: RegExp = new RegExp(`^/[^\0\n]{1,106}=${PORT}$`);

/** The accepted form, for help and error texts. */
export const UNIX_PORT_FORM = "PATH=PORT, with the absolute path of a socket";
