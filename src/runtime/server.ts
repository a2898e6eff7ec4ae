/**
 * What the native servers of both runtimes have in common.
 * @module
 */
import { chmodSync, lstatSync, rmSync } from "node:fs";
import process from "node:process";
import { nodeNet } from "../util/lazy_builtins.ts";
import { errorText } from "../util/errors.ts";
import type { ListenAddress, Peer, ServeOptions } from "./types.ts";
import { withCompleteUrl } from "./url.ts";

const V4_MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * An IPv4 address in its own form: a socket that listens on `::` names its IPv4
 * peers `::ffff:a.b.c.d` (RFC 4291, 2.5.5.2).
 */
export function normalizeAddress(address: string): string {
  // Most are IPv4, and a regular expression is compiled anew after a restore.
  if (!address.startsWith("::")) return address;
  return V4_MAPPED.exec(address)?.[1] ?? address;
}

/** The peer as the rest of Lull knows it. */
export function makePeer(address: string, port: number): Peer {
  return { address: normalizeAddress(address), port };
}

/** Whoever calls over a unix socket of that path. */
export function unixPeer(path: string): Peer {
  return { address: `unix:${path}`, port: 0, unix: true };
}

/** The error of a server that cannot listen, with the reason's code. */
export function listenError(options: ServeOptions, cause: unknown): Error {
  return cannotListen(options, cause);
}

function cannotListen(at: ListenAddress, cause: unknown): Error {
  const why = errorText(cause);
  return new Error(`Cannot listen on ${addressText(at)}: ${why}`, { cause });
}

/** The error of a server that can take nobody for now, with the reason's code. */
export function stoppedError(options: ServeOptions, cause: unknown): Error {
  return new Error(
    `Cannot take another client on ${addressText(options)}: ${
      errorText(cause)
    }; ` +
      "it listens again as soon as it can",
    { cause },
  );
}

/** Tells the owner, or stderr where nobody wants to hear. */
export function tell(options: ServeOptions, error: unknown): void {
  if (options.onError === undefined) console.error(error);
  else options.onError(error);
}

/** The address as a user writes it: HOST:PORT, [IPv6]:PORT or unix:PATH. */
export function addressText(at: ListenAddress): string {
  if ("path" in at) return `unix:${at.path}`;
  const { host, port } = at;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Makes way for a socket at the path: removes what a dead agent left there.
 * Fails where somebody listens, or the file is no socket.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return;
    if (!found.isSocket()) throw new Error("it exists and is no socket");
    if (await somebodyListens(path)) {
      throw Object.assign(new Error("in use"), { code: "EADDRINUSE" });
    }
    rmSync(path, { force: true });
  } catch (error) {
    throw cannotListen({ path }, error);
  }
}

/** Calls `bind`, which makes the socket's file, so that only its owner may use it. */
export function bindPrivately<T>(path: string, bind: () => T): T {
  const before = process.umask(0o177);
  try {
    const bound = bind();
    chmodSync(path, 0o600);
    return bound;
  } finally {
    process.umask(before);
  }
}

function somebodyListens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = nodeNet().connect(path);
    const end = (listens: boolean) => {
      probe.destroy();
      resolve(listens);
    };
    probe.once("connect", () => end(true));
    probe.once("error", () => end(false));
  });
}

/**
 * Calls the handler, with a request that has its complete URL, and answers a plain
 * 500 where it throws: what it threw is told to the owner, never to the client.
 */
export async function answer(
  options: ServeOptions,
  request: Request,
  peer: Peer | undefined,
): Promise<Response> {
  try {
    const complete = withCompleteUrl(request);
    // What Bun's parser answers to a URL of another scheme.
    if (complete === undefined) return new Response(null, { status: 400 });
    return await options.fetch(complete, peer);
  } catch (error) {
    tell(options, error);
    return new Response("Internal Server Error", {
      status: 500,
      headers: { "cache-control": "no-store" },
    });
  }
}
