/**
 * The data plane: listens and moves bytes, in a thread of its own, so that
 * traffic never delays a prepare or a health check. Run as a worker by
 * forwarder.ts.
 * @module
 */
import { readlinkSync } from "node:fs";
import { createServer, type Server } from "node:net";
import type { WorkerHello } from "../runtime/types.ts";
import { errorText } from "./log.ts";
import type { News, Order } from "./messages.ts";
import { Relay, SOCKET_OPTIONS } from "./relay.ts";

/** What a worker's global scope has: the types of a page are loaded here. */
interface WorkerScope {
  postMessage(message: News | WorkerHello): void;
  onmessage: ((event: MessageEvent<Order>) => void) | null;
}

interface Listener {
  readonly server: Server;
  targets: readonly string[];
  listening: boolean;
}

const scope = globalThis as unknown as WorkerScope;
const listeners = new Map<number, Listener>();
const relays = new Set<Relay>();
/** Servers that are not closed yet, those being closed among them. */
const servers = new Set<Server>();
let stopping: (() => void) | undefined;

scope.onmessage = ({ data: order }) => {
  if (order.kind === "stop") return stop();
  if (order.kind === "unforward") return unforward(order.port);
  const { address, port, targets } = order;
  const listener = listeners.get(port);
  if (listener === undefined) return listen(address, port, targets);
  listener.targets = targets;
};

// proc(5): /proc/thread-self is PID/task/TID
const tid = Number(readlinkSync("/proc/thread-self").split("/").pop());
scope.postMessage({ tid });

function listen(
  address: string,
  port: number,
  targets: readonly string[],
): void {
  const server = createServer(SOCKET_OPTIONS);
  const listener = { server, targets, listening: false };
  listeners.set(port, listener);
  servers.add(server);
  server.on("connection", (client) => {
    const relay = new Relay(client, port, listener.targets, () => {
      relays.delete(relay);
      lookWhetherStopped();
    });
    relays.add(relay);
  });
  server.on("error", (error) => {
    close(server);
    if (listeners.get(port) !== listener) return;
    listeners.delete(port);
    scope.postMessage({ kind: "failed", port, reason: errorText(error) });
  });
  server.listen({ host: address, port }, () => {
    if (listeners.get(port) !== listener) return;
    listener.listening = true;
    scope.postMessage({ kind: "listening", port });
  });
}

function unforward(port: number): void {
  const listener = listeners.get(port);
  if (listener === undefined) return;
  listeners.delete(port);
  close(listener.server);
}

function close(server: Server): void {
  // The callback comes with an error where the server never listened: closed all the same.
  server.close(() => {
    servers.delete(server);
    lookWhetherStopped();
  });
}

function stop(): void {
  const effect = { ports: 0, connections: relays.size };
  for (const [port, { listening }] of listeners) {
    if (listening) effect.ports++;
    unforward(port);
  }
  for (const relay of relays) relay.reset();
  stopping = () => scope.postMessage({ kind: "stopped", effect });
  lookWhetherStopped();
}

function lookWhetherStopped(): void {
  if (servers.size > 0 || relays.size > 0) return;
  stopping?.();
  stopping = undefined;
}
