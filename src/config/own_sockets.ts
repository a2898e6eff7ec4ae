/**
 * Refuses to forward ports to the agent's own unix sockets: each caller of such a port, also one
 * inside of the guest, would count as the owner of the socket, which is the host.
 * @module
 */
import { normalize } from "node:path";
import { parseListen } from "./address.ts";
import { parseDialect } from "./dialects.ts";
import { refuse } from "./error.ts";

/** Throws a ConfigError if the agent listens on a socket of `forwardUnix`. */
export function refuseOwnSockets(
  { forwardUnix, listen, dialects }: {
    readonly forwardUnix: readonly string[];
    readonly listen: readonly string[];
    readonly dialects: readonly string[];
  },
): void {
  if (forwardUnix.length === 0) return;
  const addresses = [
    ...listen.map(parseListen),
    ...dialects.map((text) => parseDialect(text)?.at),
  ];
  const own = addresses.flatMap((at) =>
    at !== undefined && "path" in at ? [normalize(at.path)] : []
  );
  for (const text of forwardUnix) {
    const path = normalize(text.slice(0, text.lastIndexOf("=")));
    if (!own.includes(path)) continue;
    refuse(
      `${path} for --forward-unix`,
      "the agent listens there, and each caller of the port would count as the host",
    );
  }
}
