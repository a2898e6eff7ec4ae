/**
 * A guest whose workload has connections: over loopback, to itself by its own
 * address, and to another machine. Runs in a namespace of its own: see mod.ts.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import process from "node:process";
import type { Outcome } from "../../../src/lifecycle/step.ts";
import { TcpTable } from "../../../src/linux/sock_diag.ts";
import { resetConnections } from "../../../src/steps/reset_connections.ts";
import { realLibc } from "../libc.ts";
import { contextOf } from "../recovery.ts";
import { until } from "../until.ts";
import { ip } from "./ip.ts";
import { commandFor } from "./mod.ts";

const { outcome = "restored", network, unseen = false } = JSON.parse(
  process.argv[2],
) as { outcome: Outcome; network?: object; unseen: boolean };

/** The other machine: another namespace, whose server speaks first. */
const peer = spawn("unshare", [
  "-n",
  ...commandFor(new URL("./peer.ts", import.meta.url)),
], { stdio: ["pipe", "pipe", "inherit"] });
await once(peer.stdout, "data");
ip("link set lo up");
ip(`link add eth0 type veth peer name eth0 netns ${peer.pid}`);
ip("addr add 10.0.2.15/24 dev eth0");
ip("link set eth0 up");
peer.stdin.write("go\n");
await once(peer.stdout, "data");

const server = net.createServer((socket) => socket.on("error", () => {}));
await once(server.listen(0, "::"), "listening");
const { port } = server.address() as net.AddressInfo;

/** A connection, and what became of it. */
class Client {
  error: string | undefined;
  readonly #socket: net.Socket;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on(
      "error",
      (error: Error & { code?: string }) => this.error = error.code,
    );
    socket.resume();
  }

  static async open(host: string, port: number): Promise<Client> {
    const client = new Client(net.connect({ host, port }));
    await until(`a connection to ${host}`, () => {
      if (client.error !== undefined) throw new Error(client.error);
      return client.#socket.readyState === "open";
    });
    return client;
  }

  get localPort(): number {
    return this.#socket.localPort!;
  }

  get lives(): boolean {
    return this.error === undefined && this.#socket.readyState === "open";
  }
}

const libc = await realLibc();
let restoredAt: number | undefined;
const { record, reset } = resetConnections({
  libc,
  ownPorts: () => [port + 1],
  restoredAt: () => restoredAt,
});
const clients = {
  loopback4: await Client.open("127.0.0.1", port),
  loopback6: await Client.open("::1", port),
  itself: await Client.open("10.0.2.15", port),
  peer4: await Client.open("10.0.2.2", 7000),
  peer6mapped: await Client.open("::ffff:10.0.2.2", 7000),
};
const recorded = await record.quiesce({
  operation: "op",
  generation: 0,
  kind: "full",
  signal: new AbortController().signal,
});
const late: Record<string, Client> = {};
if (unseen) {
  // between the record and the freeze, silent longer than the margin since
  const missed = late.missed = await Client.open("10.0.2.2", 7000);
  using table = new TcpTable(libc);
  await until(
    "its silence",
    () =>
      table.list().some(({ localPort, silentMs }) =>
        localPort === missed.localPort && (silentMs ?? 0) > 200
      ),
  );
  restoredAt = performance.now();
}
late.fresh = await Client.open("10.0.2.2", 7000);
const effect = await reset.repair(contextOf({ network }, { outcome }));
if ("destroyed" in effect && Number(effect.destroyed) > 0) {
  await until(
    "the error of the peer's connection",
    () =>
      clients.peer4.error !== undefined &&
      clients.peer6mapped.error !== undefined,
  );
}
const all = { ...clients, ...late };
console.log(JSON.stringify({
  recorded,
  effect,
  lives: Object.fromEntries(
    Object.entries(all).map(([name, client]) => [name, client.lives]),
  ),
  errors: [...new Set(Object.values(all).flatMap(({ error }) => error ?? []))],
}));
peer.kill();
process.exit(0);
