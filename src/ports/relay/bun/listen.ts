/**
 * Listens by Bun's own sockets. A new connection takes a third of the time that it takes by Bun's
 * node:net.
 * @module
 */
import { type Accepted, BunRelay, CLIENT_HANDLERS } from "./relay.ts";
import { type Libc, loadLibc as load } from "../../../linux/libc.ts";
import { freeStubs, openLibrary } from "../../../runtime/bun/library.ts";
import type {
  Listening,
  ListenOptions,
  SharedListenOptions,
} from "../../listen.ts";

export { threadId } from "../../../runtime/bun/thread_id.ts";

let libc: Libc | undefined;

/** The C library of this thread; the relay itself does not need it. */
export function loadLibc(): Libc {
  return libc ??= load({ openLibrary });
}

/** Frees what Bun would keep of this thread. */
export function ended(): Promise<void> {
  freeStubs();
  return Promise.resolve();
}

/** Listens on a port; throws if that is impossible. */
export function listen(
  options: ListenOptions | SharedListenOptions,
): Required<Listening> {
  const { address, port } = options;
  const listener = Bun.listen<Accepted>({
    hostname: address,
    port,
    // Without this, another process could listen on the same port.
    exclusive: true,
    allowHalfOpen: true,
    socket: {
      ...CLIENT_HANDLERS,
      open(client) {
        const own = "forPort" in options
          ? options.forPort(client.localPort)
          : options;
        if (own === undefined || own.isFull()) return client.terminate();
        const { port, counter, onConnection, onEnd } = own;
        const relay = new BunRelay(client, {
          ...{ port, counter },
          targets: own.targets(),
          proxyProtocol: own.proxyProtocol(),
          onEnd: () => onEnd(relay),
        });
        onConnection(relay);
      },
    },
  });
  // The types of Bun do not have it.
  const { fd } = listener as unknown as { readonly fd: number };
  return { fd, close: () => listener.stop() };
}
