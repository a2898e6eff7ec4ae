/**
 * The worker of the forwarder: listens and relays bytes in its own thread, so that traffic never
 * delays a prepare or a health check. forwarder.ts starts it.
 * @module
 */
import { runtimeName } from "../runtime/mod.ts";
import { workerHello, workerScope } from "../runtime/worker_scope.ts";
import { Counter } from "./counts.ts";
import type { ListenModule, RelayedConnection } from "./listen.ts";
import type {
  ForwardCommand,
  Protocol,
  WorkerCommand,
  WorkerEvent,
} from "./messages.ts";
import { type Connections, WorkerPort } from "./worker_port.ts";

const scope = workerScope<WorkerCommand, WorkerEvent>();
const ports = new Map<number, WorkerPort>();
const open = new Set<RelayedConnection>();
const totals = new Counter();
const loading = loadTcp();
let stopping: (() => void) | undefined;
const greeting = loading.then(({ descriptors }) =>
  scope.postMessage(workerHello(descriptors?.flags))
);
/** The last command. Each command waits for the one before it, and the first for the greeting. */
let last: Promise<void> = greeting;

const connections: Connections = {
  begin: (connection) => void open.add(connection),
  end(connection) {
    open.delete(connection);
    reportIfStopped();
  },
};

scope.onmessage = ({ data: command }) => {
  last = last.then(() => obey(command));
};

await greeting;

async function obey(command: WorkerCommand): Promise<void> {
  switch (command.kind) {
    case "forward":
      return await forward(command);
    case "unforward":
      return unforward(command.port);
    case "count":
      return count();
    case "stop":
      return stop();
  }
}

/** Loads the relay of this runtime, and only that one. */
async function loadTcp(): Promise<ListenModule> {
  return runtimeName() === "bun"
    ? await import("./relay/bun/listen.ts")
    : await import("./relay/deno/listen.ts");
}

/** Loads the relay of a protocol. */
async function load(protocol: Protocol): Promise<ListenModule> {
  return protocol === "tcp" ? await loading : await import("./relay/udp.ts");
}

async function forward(command: ForwardCommand): Promise<void> {
  const { port, protocol } = command;
  const { listen } = await load(protocol);
  const known = ports.get(port) ??
    new WorkerPort(port, listen, connections, totals);
  ports.set(port, known);
  const failures = await known.set(command);
  const { addresses } = known;
  scope.postMessage({ kind: "forwarded", port, addresses, failures });
}

function unforward(port: number): void {
  ports.get(port)?.close();
  ports.delete(port);
}

function count(): void {
  scope.postMessage({
    kind: "counted",
    ports: new Map(
      [...ports].map(([port, { counter }]) => [port, counter.now]),
    ),
    totals: totals.now,
  });
}

function stop(): void {
  const listening = [...ports.values()].filter(({ addresses }) =>
    addresses.length > 0
  );
  const effect = { ports: listening.length, connections: open.size };
  for (const port of ports.keys()) unforward(port);
  stopping = () =>
    scope.postMessage({ kind: "stopped", effect, totals: totals.now });
  for (const connection of open) connection.reset();
  reportIfStopped();
}

function reportIfStopped(): void {
  if (open.size > 0) return;
  stopping?.();
  stopping = undefined;
}
