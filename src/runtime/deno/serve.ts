/**
 * Deno's HTTP server. It listens again if Deno has stopped it for want of descriptors.
 * @module
 */
import { rmSync } from "node:fs";
import {
  answer,
  listenBy,
  makePeer,
  removeStaleSocket,
  stoppedError,
  tell,
  unixPeer,
  vsockPeer,
} from "../server.ts";
import { lackOfDescriptors } from "../spare_descriptors.ts";
import type { RuntimeServer, ServeOptions } from "../types.ts";

/** Milliseconds until the next try to listen again. */
const LISTEN_AGAIN_MS = 20;

/**
 * Descriptors that must be free before the server listens again: one for the socket, the others
 * for clients. With fewer, the next client would stop the server again.
 */
const SPARE = 8;

/** VMADDR_CID_ANY (vsock(7)), as Deno takes it. */
const ANY_CID = -1;

/** Listens until it is told to stop. */
export async function serve(options: ServeOptions): Promise<RuntimeServer> {
  if ("path" in options) await removeStaleSocket(options.path);
  const stopping = new AbortController();
  return {
    port: listen(options, stopping.signal),
    // Deno cannot do it; the connection tracker closes idle connections by their descriptors.
    closeIdle() {},
    stop: () => stopping.abort(),
  };
}

/** Listens until the signal aborts; returns the port, 0 on a unix socket. */
function listen(options: ServeOptions, signal: AbortSignal): number {
  const { addr, finished } = listenBy(options, () => bind(options, signal));
  const port = "hostname" in addr ? addr.port : 0;
  const again = "host" in options ? { ...options, port } : options;
  finished.catch((error) => listenAgain(again, signal, error));
  return port;
}

/** Tries to listen until it succeeds: Deno stops a server for which no descriptor is left. */
function listenAgain(
  options: ServeOptions,
  signal: AbortSignal,
  cause: unknown,
): void {
  tell(options, stoppedError(options, cause));
  const retry = () => {
    if (signal.aborted) return;
    const lacking = lackOfDescriptors(SPARE) !== undefined;
    if (lacking || !listensAnew(options, signal)) return again();
    try {
      options.onListenAgain?.();
    } catch (error) {
      tell(options, error);
    }
  };
  const again = () => void setTimeout(retry, LISTEN_AGAIN_MS);
  again();
}

/** False if it cannot listen. The owner was told the reason when the server stopped. */
function listensAnew(options: ServeOptions, signal: AbortSignal): boolean {
  try {
    // The socket file belongs to the server that has stopped.
    if ("path" in options) rmSync(options.path, { force: true });
    listen(options, signal);
    return true;
  } catch {
    return false;
  }
}

function bind(options: ServeOptions, signal: AbortSignal) {
  // Without onListen, Deno prints a line.
  const quiet = { signal, onListen() {} };
  if ("vsockPort" in options) {
    const { vsockPort: port } = options;
    const at = { transport: "vsock", cid: ANY_CID, port } as const;
    return Deno.serve(
      { ...quiet, ...at },
      (request, { remoteAddr: { cid, port } }) =>
        answer(options, request, vsockPeer(cid, port)),
    );
  }
  if ("path" in options) {
    const { path } = options;
    const peer = unixPeer(path);
    return Deno.serve(
      { ...quiet, path },
      (request) => answer(options, request, peer),
    );
  }
  const { host: hostname, port } = options;
  return Deno.serve(
    { ...quiet, hostname, port },
    (request, { remoteAddr: { hostname, port } }) =>
      answer(options, request, makePeer(hostname, port)),
  );
}
