/**
 * What the native servers of both runtimes have in common.
 * @module
 */
import type { FetchHandler, Peer, ServeOptions } from "./types.ts";

const V4_MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * An IPv4 address in its own form: a socket that listens on `::` names its IPv4
 * peers `::ffff:a.b.c.d` (RFC 4291, 2.5.5.2).
 */
export function normalizeAddress(address: string): string {
  return V4_MAPPED.exec(address)?.[1] ?? address;
}

/** The peer as the rest of Lull knows it. */
export function makePeer(address: string, port: number): Peer {
  return { address: normalizeAddress(address), port };
}

/** The error of a server that cannot listen, with the reason's code. */
export function listenError(options: ServeOptions, cause: unknown): Error {
  const { host, port } = options;
  const at = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return new Error(`Cannot listen on ${at}: ${reason(cause)}`, { cause });
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return "code" in cause && typeof cause.code === "string"
    ? cause.code
    : cause.message;
}

/**
 * Calls the handler, and answers a plain 500 where it throws: what it threw is
 * told to the owner, never to the client.
 */
export async function answer(
  options: ServeOptions,
  ...request: Parameters<FetchHandler>
): Promise<Response> {
  try {
    return await options.fetch(...request);
  } catch (error) {
    if (options.onError === undefined) console.error(error);
    else options.onError(error);
    return new Response("Internal Server Error", {
      status: 500,
      headers: { "cache-control": "no-store" },
    });
  }
}
