/**
 * An HTTP server on a vsock port. `Bun.serve` cannot listen there, so each connection is relayed to
 * a server on a unix socket of its own: that server then knows which connection its requests come
 * from. The sockets are in a directory that only the agent's user may enter.
 * @module
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  answer,
  listenBy,
  listenError,
  NO_IDLE_LIMIT,
  tell,
  vsockPeer,
} from "../../server.ts";
import type { Peer, RuntimeServer, ServeOptions } from "../../types.ts";
import { VSOCK_HANDLERS, VsockRelay } from "./relay.ts";
import { VsockSockets } from "./socket.ts";

/** A server on a unix socket, for one connection at a time. */
class Slot {
  readonly path: string;
  readonly #server: Bun.Server<undefined>;
  peer: Peer | undefined;
  /** Whether the last reply asked the caller to close, and the caller itself did not ask. */
  callerCloses = false;

  constructor(options: ServeOptions, path: string) {
    this.path = path;
    this.#server = listenBy({ path }, () =>
      Bun.serve({
        unix: path,
        ...NO_IDLE_LIMIT,
        development: false,
        fetch: async (request) => {
          const { peer } = this;
          const response = await answer(options, request, peer);
          // A reply whose connection has ended says nothing of the next one.
          if (this.peer === peer) {
            this.callerCloses = saysClose(response.headers) &&
              !saysClose(request.headers);
          }
          return response;
        },
      }));
  }

  stop(onError: (error: unknown) => void): void {
    // Not awaited: the promise also waits for half-sent requests.
    this.#server.stop(true).catch(onError);
  }
}

/** The slots. A slot serves one CID only: a late request never counts as that of another machine. */
class Slots {
  readonly #options: ServeOptions;
  readonly #directory: string;
  readonly #all: Slot[] = [];
  readonly #free = new Map<number, Slot[]>();

  constructor(options: ServeOptions, directory: string) {
    this.#options = options;
    this.#directory = directory;
  }

  take(cid: number, port: number): Slot {
    let slot = this.#free.get(cid)?.pop();
    if (slot === undefined) {
      const path = join(this.#directory, String(this.#all.length));
      slot = new Slot(this.#options, path);
      this.#all.push(slot);
    }
    slot.peer = vsockPeer(cid, port);
    slot.callerCloses = false;
    return slot;
  }

  release(cid: number, slot: Slot): void {
    const free = this.#free.get(cid);
    if (free === undefined) this.#free.set(cid, [slot]);
    else free.push(slot);
  }

  stop(onError: (error: unknown) => void): void {
    for (const slot of this.#all) slot.stop(onError);
  }
}

/** Listens on the vsock port until it is told to stop. Tests replace the sockets. */
export function serveVsock(
  options: ServeOptions,
  port: number,
  makeSockets: () => Pick<VsockSockets, "listen" | "peerOf"> = () =>
    new VsockSockets(),
): RuntimeServer {
  const onError = (error: unknown) => tell(options, error);
  try {
    const sockets = makeSockets();
    const directory = makeDirectory(options, port);
    const fd = sockets.listen(port);
    const slots = new Slots(options, directory);
    /** The open connections, by their descriptors. */
    const relays = new Map<number, VsockRelay>();
    const listener = Bun.listen<VsockRelay | undefined>({
      ...{ fd } as unknown as { unix: string }, // Bun's types have no `fd`
      data: undefined,
      socket: {
        ...VSOCK_HANDLERS,
        open(socket) {
          // Bun's types have no `fd` here.
          const { fd } = socket as unknown as { fd: number };
          const peer = sockets.peerOf(fd);
          if (peer === undefined) return void socket.terminate();
          const { cid, port } = peer;
          const relay = socket.data = new VsockRelay(socket, {
            take: () => slots.take(cid, port),
            release: (slot) => slots.release(cid, slot as Slot),
            onClose: () => {
              // A later connection may have the same descriptor.
              if (relays.get(fd) === relay) relays.delete(fd);
            },
            onError,
          });
          relays.set(fd, relay);
        },
      },
    });
    return {
      port: 0,
      closeIdle() {},
      letGo: (fd) => relays.get(fd)?.letGo() === true,
      stop() {
        listener.stop(true);
        slots.stop(onError);
        rmSync(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    throw listenError(options, error);
  }
}

/** Makes an empty directory, also if a killed agent has left one. */
function makeDirectory(options: ServeOptions, port: number): string {
  if (options.directory === undefined) {
    throw new Error("Bun needs a directory for the sockets of its relay");
  }
  const directory = join(options.directory, `vsock-${port}`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}

function saysClose(headers: Headers): boolean {
  return headers.get("connection")?.toLowerCase() === "close";
}
