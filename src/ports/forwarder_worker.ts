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
import type {
  ForwardCommand,
  SteerCommand,
  WorkerCommand,
  WorkerEvent,
} from "./messages.ts";
import { SharedListener } from "./shared_listener.ts";

interface ForwardedPort {
  readonly listener: Listening;
  targets: readonly string[];
}

const scope = workerScope<WorkerCommand, WorkerEvent>();
const ports = new Map<number, ForwardedPort>();
const connections = new Set<RelayedConnection>();
/** The sockets of the addresses whose clients the kernel steers. */
const shared = new Map<string, SharedListener>();
const loading = loadListen();
let stopping: (() => void) | undefined;

// All commands wait for the same promise, so they keep their order.
scope.onmessage = async ({ data: command }) => {
  const module = await loading;
  if (command.kind === "stop") stop();
  else if (command.kind === "steer") steer(module, command);
  else if (command.kind === "unforward") unforward(command.port);
  else {
    const listener = shared.get(command.address);
    forward(listener?.listen ?? module.listen, command);
  }
};

const { descriptors } = await loading;
scope.postMessage(workerHello(descriptors?.flags));

/** Loads the relay of this runtime, and only that one. */
async function loadListen(): Promise<ListenModule> {
  return runtimeName() === "bun"
    ? await import("./relay/bun/listen.ts")
    : await import("./relay/deno/listen.ts");
}

function steer(
  { listen, loadLibc }: ListenModule,
  { address, ports, sockets }: SteerCommand,
): void {
  const listener = new SharedListener({
    ...{ libc: loadLibc(), address, steered: { ports, sockets } },
    listen: (host, forPort) => listen({ address: host, port: 0, forPort }),
  });
  shared.set(address, listener);
}

function forward(
  listen: Listen,
  { address, port, targets }: ForwardCommand,
): void {
  const known = ports.get(port);
  if (known !== undefined) {
    known.targets = targets;
    return;
  }
  try {
    const listener = listen({
      address,
      port,
      targets: () => forwarded.targets,
      onConnection: (connection) => connections.add(connection),
      onEnd(connection) {
        connections.delete(connection);
        reportIfStopped();
      },
    });
    const forwarded: ForwardedPort = { listener, targets };
    ports.set(port, forwarded);
    scope.postMessage({ kind: "listening", port });
  } catch (error) {
    scope.postMessage({ kind: "failed", port, reason: errorText(error) });
  }
}

function unforward(port: number): void {
  ports.get(port)?.listener.close();
  ports.delete(port);
}

function stop(): void {
  const effect = { ports: ports.size, connections: connections.size };
  for (const port of ports.keys()) unforward(port);
  stopping = () => scope.postMessage({ kind: "stopped", effect });
  for (const connection of connections) connection.reset();
  reportIfStopped();
}

function reportIfStopped(): void {
  if (connections.size > 0) return;
  stopping?.();
  stopping = undefined;
}
