/**
 * The data plane: listens and moves bytes, in a thread of its own, so that
 * traffic never delays a prepare or a health check. Run as a worker by
 * forwarder.ts.
 * @module
 */
import { readlinkSync } from "node:fs";
import { errorText } from "../util/errors.ts";
import { runtimeName } from "../runtime/mod.ts";
import type { WorkerHello } from "../runtime/types.ts";
import type {
  Listen,
  Listening,
  ListenModule,
  RelayedConnection,
} from "./listen.ts";
import type { WorkerCommand, WorkerEvent } from "./messages.ts";

/** What a worker's global scope has: the types of a page are loaded here. */
interface WorkerScope {
  postMessage(message: WorkerEvent | WorkerHello): void;
  onmessage: ((event: MessageEvent<WorkerCommand>) => void) | null;
}

interface Listener {
  readonly door: Listening;
  targets: readonly string[];
  listening: boolean;
}

const scope = globalThis as unknown as WorkerScope;
const listeners = new Map<number, Listener>();
const connections = new Set<RelayedConnection>();
/** Listeners that are not closed yet, those being closed among them. */
const doors = new Set<Listening>();
const loading = loadListen();
let stopping: (() => void) | undefined;

// In the order they came, whatever was still being loaded.
scope.onmessage = async ({ data: order }) => {
  const { listen } = await loading;
  if (order.kind === "stop") return stop();
  if (order.kind === "unforward") return unforward(order.port);
  const { address, port, targets } = order;
  const listener = listeners.get(port);
  if (listener === undefined) return forward(listen, address, port, targets);
  listener.targets = targets;
};

const { descriptors } = await loading;
// proc(5): /proc/thread-self is PID/task/TID
const tid = Number(readlinkSync("/proc/thread-self").split("/").pop());
scope.postMessage({ tid, descriptors: descriptors?.flags });

/** Loads the relay of this runtime, and only that one. */
async function loadListen(): Promise<ListenModule> {
  return runtimeName() === "bun"
    ? await import("./relay/bun/listen.ts")
    : await import("./relay/deno/listen.ts");
}

function forward(
  listen: Listen,
  address: string,
  port: number,
  targets: readonly string[],
): void {
  const door = listen({
    address,
    port,
    targets: () => listener.targets,
    onConnection: (connection) => connections.add(connection),
    onEnd(connection) {
      connections.delete(connection);
      lookWhetherStopped();
    },
    onError(error) {
      doors.delete(door);
      lookWhetherStopped();
      if (listeners.get(port) !== listener) return;
      listeners.delete(port);
      scope.postMessage({ kind: "failed", port, reason: errorText(error) });
    },
    onListening() {
      if (listeners.get(port) !== listener) return;
      listener.listening = true;
      scope.postMessage({ kind: "listening", port });
    },
  });
  const listener: Listener = { door, targets, listening: false };
  listeners.set(port, listener);
  doors.add(door);
}

function unforward(port: number): void {
  const listener = listeners.get(port);
  if (listener === undefined) return;
  listeners.delete(port);
  const { door } = listener;
  door.close(() => {
    doors.delete(door);
    lookWhetherStopped();
  });
}

function stop(): void {
  const effect = { ports: 0, connections: connections.size };
  for (const [port, { listening }] of listeners) {
    if (listening) effect.ports++;
    unforward(port);
  }
  stopping = () => scope.postMessage({ kind: "stopped", effect });
  for (const connection of connections) connection.reset();
  lookWhetherStopped();
}

function lookWhetherStopped(): void {
  if (doors.size > 0 || connections.size > 0) return;
  stopping?.();
  stopping = undefined;
}
