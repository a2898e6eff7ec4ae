/**
 * The worker of the forwarder: listens and relays bytes in its own thread, so that traffic never
 * delays a prepare or a health check. forwarder.ts starts it.
 * @module
 */
import { runtimeName } from "../runtime/name.ts";
import { workerScope } from "../runtime/worker_scope.ts";
import { Counter } from "./counts.ts";
import type { Listen, ListenModule, RelayedConnection } from "./listen.ts";
import type {
  ForwardCommand,
  PortResult,
  Protocol,
  SteerCommand,
  WorkerCommand,
  WorkerEvent,
} from "./messages.ts";
import { SharedListener } from "./shared_listener.ts";
import { keepAlive, VanishedClients } from "./vanished_clients.ts";
import { type Connections, WorkerPort } from "./worker_port.ts";

const scope = workerScope<WorkerCommand, WorkerEvent>();
const ports = new Map<number, WorkerPort>();
const open = new Set<RelayedConnection>();
const totals = new Counter();
/** The sockets of the addresses whose clients the kernel steers. */
const shared = new Map<string, SharedListener>();
const loading = loadTcp();
let stopping: (() => void) | undefined;
const greeting = loading.then(({ descriptors, threadId }) =>
  scope.postMessage({ tid: threadId(), held: descriptors?.memory })
);
/** The last command. Each command waits for the one before it, and the first for the greeting. */
let last: Promise<void> = greeting;

const vanished = new VanishedClients(open, () => loading);

const connections: Connections = {
  begin(connection) {
    open.add(connection);
    vanished.watch();
  },
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
    case "steer":
      return await steer(command);
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

async function steer(
  { address, ports, sockets }: SteerCommand,
): Promise<void> {
  const { listen, loadLibc } = await loading;
  const libc = loadLibc();
  const listener = new SharedListener({
    ...{ libc, address, steered: { ports, sockets }, others: shared.size },
    listen(host, port, forPort) {
      const listening = listen({ address: host, port, forPort });
      keepAlive(libc, listening.fd);
      return listening;
    },
  });
  shared.set(address, listener);
}

/** Loads the relay of a protocol. */
async function load(protocol: Protocol): Promise<Listen> {
  if (protocol === "udp") return (await import("./relay/udp.ts")).listen;
  const { listen, loadLibc } = await loading;
  return (options) => {
    const listener = shared.get(options.address);
    if (listener !== undefined) return listener.listen(options);
    const listening = listen(options);
    keepAlive(loadLibc(), listening.fd);
    return listening;
  };
}

async function forward(
  { protocol, ports: commands }: ForwardCommand,
): Promise<void> {
  const listen = await load(protocol);
  const results: PortResult[] = [];
  for (const command of commands) {
    const { port } = command;
    const known = ports.get(port) ??
      new WorkerPort(port, listen, connections, totals);
    ports.set(port, known);
    const failures = await known.set(command);
    results.push({ port, addresses: known.addresses, failures });
  }
  for (const listener of shared.values()) listener.flush();
  scope.postMessage({ kind: "forwarded", ports: results });
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
  for (const listener of shared.values()) listener.end();
  for (const port of ports.keys()) unforward(port);
  stopping = async () => {
    await (await loading).ended?.();
    scope.postMessage({ kind: "stopped", effect, totals: totals.now });
  };
  for (const connection of open) connection.reset();
  reportIfStopped();
}

function reportIfStopped(): void {
  if (open.size > 0) return;
  stopping?.();
  stopping = undefined;
}
