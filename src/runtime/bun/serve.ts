/**
 * Bun's HTTP server.
 * @module
 */
import {
  answer,
  bindPrivately,
  listenError,
  makePeer,
  removeStaleSocket,
  tell,
  unixPeer,
} from "../server.ts";
import type { RuntimeServer, ServeOptions } from "../types.ts";

/** Listens until it is told to stop. */
export async function serve(options: ServeOptions): Promise<RuntimeServer> {
  if ("path" in options) await removeStaleSocket(options.path);
  const server = listen(options);
  return {
    port: server.port ?? 0,
    closeIdle: () => server.closeIdleConnections(),
    stop() {
      // The promise waits for half-sent requests: nobody may wait for it.
      server.stop(true).catch((error) => tell(options, error));
    },
  };
}

function listen(options: ServeOptions) {
  try {
    if ("path" in options) return listenOnUnix(options, options.path);
    return Bun.serve({
      hostname: options.host,
      port: options.port,
      // Lull sweeps by kernel truth; Bun's default would cut off a reply that
      // takes longer than 10 s. It saves no wakeups: Bun has 1.25 a second
      // while any connection is open, whatever is set here.
      idleTimeout: 0,
      development: false,
      // Out of development Bun shares the port with whoever binds it next
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
  } catch (error) {
    throw listenError(options, error);
  }
}

function listenOnUnix(options: ServeOptions, unix: string) {
  const peer = unixPeer(unix);
  return bindPrivately(unix, () =>
    Bun.serve({
      unix,
      development: false,
      fetch(request, server) {
        // A unix socket takes no idleTimeout; this is the same, request by request.
        server.timeout(request, 0);
        return answer(options, request, peer);
      },
    }));
}
