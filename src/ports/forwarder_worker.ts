/**
 * The worker of the forwarder: listens and relays bytes in its own thread, so that traffic never
 * delays a prepare or a health check. forwarder.ts starts it.
 * @module
 */
import { errorText } from "../util/errors.ts";
import { runtimeName } from "../runtime/mod.ts";
import { workerHello, workerScope } from "../runtime/worker_scope.ts";
import type {
  Listen,
  Listening,
  ListenModule,
  RelayedConnection,
} from "./listen.ts";
import type { WorkerCommand, WorkerEvent } from "./messages.ts";

interface ForwardedPort {
  readonly listener: Listening;
  targets: readonly string[];
  listening: boolean;
}

const scope = workerScope<WorkerCommand, WorkerEvent>();
const ports = new Map<number, ForwardedPort>();
const connections = new Set<RelayedConnection>();
/** Listeners that are not closed yet, including those that are being closed. */
const listeners = new Set<Listening>();
const loading = loadListen();
let stopping: (() => void) | undefined;

// All commands wait for the same promise, so they keep their order.
scope.onmessage = async ({ data: command }) => {
  const { listen } = await loading;
  if (command.kind === "stop") return stop();
  if (command.kind === "unforward") return unforward(command.port);
  const { address, port, targets } = command;
  const known = ports.get(port);
  if (known === undefined) return forward(listen, address, port, targets);
  known.targets = targets;
};

const { descriptors } = await loading;
scope.postMessage(workerHello(descriptors?.flags));

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
  const listener = listen({
    address,
    port,
    targets: () => forwarded.targets,
    onConnection: (connection) => connections.add(connection),
    onEnd(connection) {
      connections.delete(connection);
      reportIfStopped();
    },
    onError(error) {
      listeners.delete(listener);
      reportIfStopped();
      if (ports.get(port) !== forwarded) return;
      ports.delete(port);
      scope.postMessage({ kind: "failed", port, reason: errorText(error) });
    },
    onListening() {
      if (ports.get(port) !== forwarded) return;
      forwarded.listening = true;
      scope.postMessage({ kind: "listening", port });
    },
  });
  const forwarded: ForwardedPort = { listener, targets, listening: false };
  ports.set(port, forwarded);
  listeners.add(listener);
}

function unforward(port: number): void {
  const forwarded = ports.get(port);
  if (forwarded === undefined) return;
  ports.delete(port);
  const { listener } = forwarded;
  listener.close(() => {
    listeners.delete(listener);
    reportIfStopped();
  });
}

function stop(): void {
  const effect = { ports: 0, connections: connections.size };
  for (const [port, { listening }] of ports) {
    if (listening) effect.ports++;
    unforward(port);
  }
  stopping = () => scope.postMessage({ kind: "stopped", effect });
  for (const connection of connections) connection.reset();
  reportIfStopped();
}

function reportIfStopped(): void {
  if (listeners.size > 0 || connections.size > 0) return;
  stopping?.();
  stopping = undefined;
}
