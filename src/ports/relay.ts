/**
 * Carries one connection by node:net: from the client that dialled the forward
 * address to the first target that accepts.
 * @module
 */
import { connect, type Socket } from "node:net";
import type { Carried } from "./listen.ts";

/** Options of every socket of the forwarder: the ends close one by one. */
export const SOCKET_OPTIONS = { allowHalfOpen: true, noDelay: true } as const;

/** A client, its target, and the bytes between them. */
export class Relay implements Carried {
  readonly #client: Socket;
  readonly #onClosed: () => void;
  /** Sockets that the kernel has not taken back yet. */
  readonly #open = new Set<Socket>();

  /** Dials the targets in turn; `onClosed` is called when no socket is left. */
  constructor(
    client: Socket,
    port: number,
    targets: readonly string[],
    onClosed: () => void,
  ) {
    this.#client = client;
    this.#onClosed = onClosed;
    this.#own(client);
    this.#dial(port, targets);
  }

  reset(): void {
    for (const socket of this.#open) {
      // a reset would wait for the connection to be there first
      if (socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  #dial(port: number, [host, ...others]: readonly string[]): void {
    const client = this.#client;
    if (host === undefined) {
      client.resetAndDestroy();
      return;
    }
    const target = connect({ host, port, ...SOCKET_OPTIONS });
    this.#own(target);
    // The client waits unread: what is read now would be lost to the next target.
    let connected = false;
    const giveUp = () => target.destroy();
    client.once("close", giveUp);
    target.once("connect", () => {
      connected = true;
      client.off("close", giveUp);
      join(client, target);
    });
    target.once("close", () => {
      client.off("close", giveUp);
      if (!connected && !client.destroyed) this.#dial(port, others);
    });
  }

  #own(socket: Socket): void {
    this.#open.add(socket);
    // Not lost: `close` follows, and passes it on to the other side.
    socket.on("error", () => {});
    socket.once("close", () => {
      this.#open.delete(socket);
      // after the listeners of this close, which may dial the next target
      queueMicrotask(() => {
        if (this.#open.size === 0) this.#onClosed();
      });
    });
  }
}

/** Pipes both ways; the end of one direction leaves the other open. */
function join(client: Socket, target: Socket): void {
  client.once("close", () => follow(target));
  target.once("close", () => follow(client));
  client.pipe(target);
  target.pipe(client);
}

/** Closes a socket whose other side is gone. */
function follow(socket: Socket): void {
  // After the other side's regular end, what it sent must still arrive.
  if (socket.writableEnded) socket.destroySoon();
  else socket.resetAndDestroy();
}
