/**
 * Parses the addresses that users write for the option `listen`.
 * @module
 */
import { parseIp } from "../linux/ip.ts";
import type { ListenAddress } from "../runtime/types.ts";

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
