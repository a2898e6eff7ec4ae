/**
 * A guest whose interface gets and loses its forward addresses, IPv4 and IPv6. Runs in a namespace
 * of its own: see mod.ts.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import net from "node:net";
import process from "node:process";
import { PortSubsystem } from "../../../src/ports/subsystem.ts";
import { loadRuntime } from "../../../src/runtime/mod.ts";
import { deferred } from "../deferred.ts";
import { realLibc } from "../libc.ts";
import { until } from "../until.ts";
import { ip } from "./ip.ts";

const IPV4 = "10.0.2.21";
const IPV6 = "fd00::21";
/** The same address, as a user may write it. */
const WRITTEN = "FD00:0::0021";

ip("link set lo up");
ip("link add eth0 type veth peer name host0");
ip("link set host0 up");
ip("link set eth0 up");

const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.on("error", () => {});
  socket.pipe(socket);
});
await once(server.listen(8000, "127.0.0.1"), "listening");
const udp = createSocket("udp4");
udp.on("message", (bytes, from) => udp.send(bytes, from.port, from.address));
udp.bind({ address: "127.0.0.1", port: 8001 });
await once(udp, "listening");

const ports = new PortSubsystem({
  forwardAddresses: [IPV4, WRITTEN],
  forwardUdp: true,
  libc: await realLibc(),
  log: { info() {}, warn() {} },
  ownPorts: () => [],
  queue: deferred(),
  runtime: await loadRuntime(),
  scanIntervalMs: 100,
  stopLimitMs: 10_000,
  workerUrl: new URL(
    "../../../src/ports/forwarder_worker.ts",
    import.meta.url,
  ),
});

/** What comes back over TCP from an address; undefined if there is no connection. */
function tcp(host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let received = "";
    const socket = net.connect({ host, port: 8000, timeout: 1000 }, () => {
      socket.end(host);
    });
    socket.on("data", (bytes) => received += bytes);
    socket.on("end", () => resolve(received));
    for (const event of ["error", "timeout"]) {
      socket.on(event, () => {
        socket.destroy();
        resolve(undefined);
      });
    }
  });
}

/** What comes back over UDP over IPv6. */
function datagram(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket("udp6");
    const timer = setTimeout(end, 300);
    function end(text?: string): void {
      clearTimeout(timer);
      socket.close();
      resolve(text);
    }
    socket.on("error", () => end());
    socket.on("message", (bytes) => end(String(bytes)));
    socket.send("datagram", 8001, IPV6);
  });
}

ports.start();
await until("rest", () => ports.status().state === "resting");
const results: unknown[] = ["resting"];
ip(`addr add ${IPV4}/24 dev eth0`);
await until("IPv4", async () => await tcp(IPV4) === IPV4);
results.push([...ports.addresses], await tcp(IPV6));
ip(`addr add ${IPV6}/64 dev eth0 nodad`);
await until("IPv6", async () => await tcp(IPV6) === IPV6);
await until("UDP over IPv6", async () => await datagram() === "datagram");
results.push([...ports.addresses], await tcp(IPV4));
ip(`addr del ${IPV4}/24 dev eth0`);
await until("only IPv6", () => ports.addresses.length === 1);
results.push([...ports.addresses], await tcp(IPV6));
results.push((await ports.stop()).ports);
ports.dispose();
server.close();
udp.close();
console.log(JSON.stringify(results.map((one) => one ?? "none")));
process.exit(0);
