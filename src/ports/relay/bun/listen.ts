/**
 * Listens by Bun's own sockets. A new connection takes a third of the time that it takes by Bun's
 * node:net.
 * @module
 */
import { type Accepted, BunRelay, CLIENT_HANDLERS } from "./relay.ts";
import type { Listening, ListenOptions } from "../../listen.ts";

/** Listens on a port; throws if that is impossible. */
export function listen(options: ListenOptions): Listening {
  const { address, port, onConnection, onEnd } = options;
  const listener = Bun.listen<Accepted>({
    hostname: address,
    port,
    // Without this, another process could listen on the same port.
    exclusive: true,
    allowHalfOpen: true,
    socket: {
      ...CLIENT_HANDLERS,
      open(client) {
        const relay = new BunRelay(client, {
          ...{ port, counter: options.counter },
          targets: options.targets(),
          proxyProtocol: options.proxyProtocol(),
          onEnd: () => onEnd(relay),
        });
        onConnection(relay);
      },
    },
  });
  return { close: () => listener.stop() };
}
