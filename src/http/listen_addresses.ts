/**
 * The addresses that the configuration says to listen on.
 * @module
 */
import { LISTEN_FORM, parseListen } from "../config/address.ts";
import { isLoopback, parseIp } from "../linux/ip.ts";
import type { ListenAddress } from "../runtime/types.ts";

/** The addresses to listen on: those of `listen`, or host and port if `listen` is empty. */
export function addressesOf(
  config: {
    readonly host: string;
    readonly port: number;
    readonly listen: readonly string[];
  },
): readonly ListenAddress[] {
  const { host, port, listen } = config;
  if (listen.length === 0) return [{ host, port }];
  return listen.map((text) => {
    const at = parseListen(text);
    if (at !== undefined) return at;
    throw new Error(`Cannot listen on ${text}: expected ${LISTEN_FORM}`);
  });
}

/** Whether the address may be one that a new network identity replaces: no loopback, not all. */
export function mayMove(at: ListenAddress): boolean {
  if (!("host" in at)) return false;
  const bytes = parseIp(at.host);
  if (bytes === undefined) return false;
  const isAny = bytes.every((byte) => byte === 0);
  return !isAny && !isLoopback(at.host);
}
