/**
 * Bun's HTTP server.
 * @module
 */
import {
  answer,
  listenBy,
  makePeer,
  NO_IDLE_LIMIT,
  removeStaleSocket,
  tell,
  unixPeer,
} from "../server.ts";
import type { RuntimeServer, ServeOptions } from "../types.ts";

/** Listens until it is told to stop. */
export async function serve(options: ServeOptions): Promise<RuntimeServer> {
  if ("vsockPort" in options) {
    // Loaded only if it is used: few agents listen on vsock.
    const { serveVsock } = await import("./vsock/serve.ts");
    return serveVsock(options, options.vsockPort);
  }
  if ("path" in options) await removeStaleSocket(options.path);
  const server = listenBy(options, () => bind(options));
  return {
    port: server.port ?? 0,
    closeIdle: () => server.closeIdleConnections(),
    stop() {
      // Not awaited: the promise also waits for half-sent requests.
      server.stop(true).catch((error) => tell(options, error));
    },
  };
}

function bind(options: Exclude<ServeOptions, { vsockPort: number }>) {
  if ("path" in options) return bindUnix(options, options.path);
  return Bun.serve({
    hostname: options.host,
    port: options.port,
    // Lull closes idle connections itself. With Bun's default, a reply that takes longer than
    // 10 s would be cut off. Bun wakes up 1.25 times a second while a connection is open, with
    // any value of this option.
    idleTimeout: 0,
    development: false,
    // Without this, another process could bind the same port if `development` is false.
    reusePort: false,
    fetch(request, server) {
      const from = server.requestIP(request);
      return answer(
        options,
        request,
        from === null ? undefined : makePeer(from.address, from.port),
      );
    },
  });
}

function bindUnix(options: ServeOptions, unix: string) {
  const peer = unixPeer(unix);
  return Bun.serve({
    unix,
    ...NO_IDLE_LIMIT,
    development: false,
    fetch: (request) => answer(options, request, peer),
  });
}
