/**
 * Listens by Bun's own sockets. A new connection takes a third of the time that it takes by Bun's
 * node:net.
 * @module
 */
import { type Accepted, BunRelay, CLIENT_HANDLERS } from "./relay.ts";
import type { Listening, ListenOptions } from "../../listen.ts";

/** Listens on a port. */
export function listen(options: ListenOptions): Listening {
  const { address, port, targets, onEnd } = options;
  let listener: Bun.TCPSocketListener<Accepted> | undefined;
  try {
    listener = Bun.listen<Accepted>({
      hostname: address,
      port,
      // Without this, another process could listen on the same port.
      exclusive: true,
      allowHalfOpen: true,
      socket: {
        ...CLIENT_HANDLERS,
        open(client) {
          const relay = new BunRelay(client, port, targets(), () => {
            onEnd(relay);
          });
          options.onConnection(relay);
        },
      },
    });
  } catch (error) {
    queueMicrotask(() => options.onError(error));
    return { close: (onClosed) => onClosed() };
  }
  queueMicrotask(options.onListening);
  return {
    close(onClosed) {
      listener.stop();
      onClosed();
    },
  };
}
