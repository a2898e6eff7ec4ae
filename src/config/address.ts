/**
 * Parses the addresses that users write for the option `listen`.
 * @module
 */
import { parseIp } from "../linux/ip.ts";
import type { ListenAddress } from "../runtime/types.ts";

/**
 * Parses HOST:PORT, [ADDRESS]:PORT with an IPv6 address, or unix:PATH with an
 * absolute path. Returns undefined for any other text. Port 0 stands for a port
 * that the kernel chooses.
 */
export function parseListen(text: string): ListenAddress | undefined {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    return /^\/./.test(path) ? { path } : undefined;
  }
  const found = /^(?:\[([^\]%]+)\]|([^\s/:\[\]]+)):(\d{1,5})$/.exec(text);
  if (found === null) return undefined;
  const [, ipv6, name, digits] = found;
  if (ipv6 !== undefined && parseIp(ipv6)?.length !== 16) return undefined;
  const port = Number(digits);
  return port <= 65_535 ? { host: ipv6 ?? name, port } : undefined;
}

/** The accepted forms of an address, for help and error texts. */
export const LISTEN_FORM = "HOST:PORT, [IPv6]:PORT or unix:PATH";
