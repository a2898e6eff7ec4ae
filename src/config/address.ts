/**
 * Where to listen, as users write it.
 * @module
 */
import { ipVersion } from "../linux/ip.ts";
import type { ListenAddress } from "../runtime/types.ts";

/**
 * Reads HOST:PORT, [ADDRESS]:PORT with an IPv6 address, or unix:PATH with an
 * absolute path; undefined for anything else. Port 0 means a free one.
 */
export function parseListen(text: string): ListenAddress | undefined {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    return /^\/./.test(path) ? { path } : undefined;
  }
  const found = /^(?:\[([^\]%]+)\]|([^\s/:\[\]]+)):(\d{1,5})$/.exec(text);
  if (found === null) return undefined;
  const [, ipv6, name, digits] = found;
  if (ipv6 !== undefined && ipVersion(ipv6) !== 6) return undefined;
  const port = Number(digits);
  return port <= 65_535 ? { host: ipv6 ?? name, port } : undefined;
}

/** The form of an address, in words. */
export const LISTEN_FORM = "HOST:PORT, [IPv6]:PORT or unix:PATH";
