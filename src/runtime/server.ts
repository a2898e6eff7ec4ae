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
 * A peer. A socket that listens on `::` names its IPv4 peers with the prefix `::ffff:` (RFC 4291,
 * 2.5.5.2); the address of the peer has no such prefix.
 */
export function makePeer(address: string, port: number): Peer {
  return { address: V4_MAPPED.exec(address)?.[1] ?? address, port };
}

/** The peer of every connection over the unix socket of that path. */
export function unixPeer(path: string): Peer {
  return { address: `unix:${path}`, port: 0, unix: true };
}

/** The peer of a vsock connection from the machine with that CID. */
export function vsockPeer(cid: number, port: number): Peer {
  return { address: `vsock:${cid}`, port, cid };
}

/** The error of a server that cannot listen; it contains the code of the cause. */
export function listenError(at: ListenAddress, cause: unknown): Error {
  const why = errorText(cause);
  return new Error(`Cannot listen on ${addressText(at)}: ${why}`, { cause });
}

/** The error of a server that cannot accept clients for now; it contains the code of the cause. */
export function stoppedError(options: ServeOptions, cause: unknown): Error {
  const on = addressText(options);
  return new Error(
    `Cannot take another client on ${on}: ${errorText(cause)}; ` +
      "it listens again as soon as it can",
    { cause },
  );
}

/** Passes the error to the owner; writes it to stderr if the owner takes no errors. */
export function tell(options: ServeOptions, error: unknown): void {
  if (options.onError === undefined) console.error(error);
  else options.onError(error);
}

/** The address as a user writes it: HOST:PORT, [IPv6]:PORT, unix:PATH or vsock:PORT. */
export function addressText(at: ListenAddress): string {
  if ("path" in at) return `unix:${at.path}`;
  if ("vsockPort" in at) return `vsock:${at.vsockPort}`;
  const { host, port } = at;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Removes a socket file that a dead agent has left at the path. Fails if a process listens there,
 * or if the file is not a socket.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return;
    if (!found.isSocket()) throw new Error("it exists and is no socket");
    if (await hasListener(path)) {
      throw Object.assign(new Error("in use"), { code: "EADDRINUSE" });
    }
    rmSync(path, { force: true });
  } catch (error) {
    throw listenError({ path }, error);
  }
}

/**
 * Calls `bind`, which listens. A unix socket may only be used by the owner of its file. Throws
 * `Cannot listen on ADDRESS: CODE`.
 */
export function listenBy<T>(at: ListenAddress, bind: () => T): T {
  const before = "path" in at ? process.umask(0o177) : undefined;
  try {
    const bound = bind();
    if ("path" in at) chmodSync(at.path, 0o600);
    return bound;
  } catch (error) {
    throw listenError(at, error);
  } finally {
    if (before !== undefined) process.umask(before);
  }
}

function hasListener(path: string): Promise<boolean> {
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
 * Calls the handler with a request that has its complete URL. If the handler throws, the client gets
 * a plain 500, and the owner gets the error.
 */
export async function answer(
  options: ServeOptions,
  request: Request,
  peer: Peer | undefined,
): Promise<Response> {
  try {
    const complete = withCompleteUrl(request);
    // Bun's parser replies the same to a URL of another scheme.
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

/**
 * The option of `Bun.serve` for a server on a unix socket that keeps idle connections. Bun's types
 * refuse it for unix sockets, and Bun accepts it. `server.timeout(request, 0)` does not hold once a
 * stream has begun: Bun cut event streams that were idle for 12 s.
 */
export const NO_IDLE_LIMIT: object = { idleTimeout: 0 };
