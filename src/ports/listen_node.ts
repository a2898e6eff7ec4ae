/**
 * Listens by node:net, which is the fastest way that Deno has.
 * @module
 */
import { createServer } from "node:net";
import type { Listening, ListenOptions } from "./listen.ts";
import { Relay, SOCKET_OPTIONS } from "./relay.ts";

/** Listens on a port. */
export function listen(options: ListenOptions): Listening {
  const { address, port, targets } = options;
  const server = createServer(SOCKET_OPTIONS);
  server.on("connection", (client) => {
    const relay = new Relay(
      client,
      port,
      targets(),
      () => options.onEnd(relay),
    );
    options.onCarried(relay);
  });
  server.on("error", (error) => {
    server.close();
    options.onError(error);
  });
  server.listen({ host: address, port }, options.onListening);
  // The callback comes with an error where the server never listened: closed all the same.
  return { close: (onClosed) => server.close(() => onClosed()) };
}
