/**
 * A guest that forwards a port to clients of another machine, whose link goes down, and to a client
 * that is there and reads nothing. Runs in a namespace of its own: see mod.ts.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Forwarder } from "../../../src/ports/forwarder.ts";
import { loadRuntime } from "../../../src/runtime/mod.ts";
import { descriptorsOf } from "../descriptors.ts";
import { realLibc } from "../libc.ts";
import { until } from "../until.ts";
import { ip } from "./ip.ts";
import { commandFor } from "./mod.ts";

const COUNT = 50;
const ADDRESS = "10.0.2.15";

const peer = spawn("unshare", [
  "-n",
  ...commandFor(new URL("./vanishing_clients.ts", import.meta.url)),
], { stdio: ["pipe", "pipe", "inherit"] });
await once(peer.stdout, "data");
ip("link set lo up");
ip(`link add eth0 type veth peer name eth0 netns ${peer.pid}`);
ip(`addr add ${ADDRESS}/24 dev eth0`);
ip("link set eth0 up");

const server = net.createServer((socket) => {
  socket.on("error", () => {});
  socket.once("data", (first) => {
    socket.resume();
    socket.write("ready");
    if (String(first) === "silent") return;
    const timer = setInterval(() => socket.write(new Uint8Array(1000)), 50);
    socket.on("close", () => clearInterval(timer));
  });
});
await once(server.listen(0, "127.0.0.1"), "listening");
const { port } = server.address() as net.AddressInfo;
const forwarder = new Forwarder({
  forwardAddresses: [ADDRESS],
  workerUrl: new URL("../../../src/ports/forwarder_worker.ts", import.meta.url),
  runtime: await loadRuntime(),
  libc: await realLibc(),
  log: { info() {}, warn: console.error },
});
forwarder.set(new Map([[port, ["127.0.0.1"]]]));
await until("the port", () => forwarder.ports[0].listening);
const open = async () => (await forwarder.counts()).totals.open;

// It is on this machine, because the other machine is about to vanish.
const reader = net.connect({ host: ADDRESS, port });
await once(reader, "connect");
reader.write("stream");
await once(reader, "data");
reader.pause();
await until("its connection", async () => await open() === 1);
/** The TCP sockets of this process. The runtime may open sockets of its own, of other families. */
const descriptors = () => {
  const lines = readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1);
  const sockets = lines.map((line) => `socket:[${line.trim().split(/ +/)[9]}]`);
  return descriptorsOf((path) => sockets.includes(path));
};
const before = descriptors();

peer.stdin.write(JSON.stringify({ address: ADDRESS, port, count: COUNT }));
await once(peer.stdout, "data");
const connected = await open();
peer.stdin.write("down");
await once(peer.stdout, "data");
const start = performance.now();
await until(
  "the end of their connections",
  // Each question is a message to the worker.
  async () => await sleep(100, await open() === 1),
  60_000,
);
const tookMs = performance.now() - start;
// Longer than the limit of a client that has vanished.
await sleep(Math.max(0, 32_000 - tookMs));
await until("no socket", () => descriptors() <= before);
const left = await open();
reader.destroy();
await forwarder.stop();
forwarder.dispose();
peer.stdin.end();
server.close();
console.log(JSON.stringify({ connected, tookMs, left }));
