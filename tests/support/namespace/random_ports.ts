/**
 * A guest whose programs open and close ports of loopback at random, and one at a time. Runs in a
 * namespace of its own: see mod.ts.
 */
import { once } from "node:events";
import net from "node:net";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { PortSubsystem } from "../../../src/ports/subsystem.ts";
import { loadRuntime } from "../../../src/runtime/mod.ts";
import { median } from "../../bench/stats.ts";
import { deferred } from "../deferred.ts";
import { realLibc } from "../libc.ts";
import { until } from "../until.ts";
import { ip } from "./ip.ts";

const { seconds, ports: count, reports = true } = JSON.parse(process.argv[2]);
const ADDRESS = "127.99.0.1";
const FIRST = 2000;
/** Each of these is opened and closed alone. */
const SINGLES = 20;
/** Changes that are made together, and milliseconds between them. */
const BURST = 5;
const PAUSE_MS = 10;

ip("link set lo up");
const subsystem = new PortSubsystem({
  ...{ scanIntervalMs: 1000, forwardAddresses: [ADDRESS], ownPorts: () => [] },
  workerUrl: new URL("../../../src/ports/forwarder_worker.ts", import.meta.url),
  ...{ runtime: await loadRuntime(), libc: await realLibc() },
  ...{ queue: deferred(), log: { info() {}, warn: console.error } },
  ...reports ? {} : {
    openReports() {
      throw new Error("turned off");
    },
  },
});
/** When the forwarder last told that a port is open, or closed. */
const told = new Map<number, { change: string; at: number }>();
subsystem.watch(({ port, change }) =>
  told.set(port, { change, at: performance.now() })
);
subsystem.start();

const open = new Map<number, net.Server>();
async function listen(port: number): Promise<number> {
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.end(String(port));
  });
  open.set(port, server);
  await once(server.listen(port, "127.0.0.1"), "listening");
  return performance.now();
}
async function close(port: number): Promise<number> {
  const server = open.get(port)!;
  open.delete(port);
  const closed = once(server, "close");
  server.close();
  await closed;
  return performance.now();
}

/** What a client gets from a port of the forward address, or the code of its error. */
async function ask(port: number): Promise<string> {
  return await new Promise((resolve) => {
    let text = "";
    const socket = net.connect({ host: ADDRESS, port });
    socket.on("data", (bytes) => text += bytes);
    socket.on("end", () => resolve(text));
    socket.on(
      "error",
      (error: Error & { code?: string }) => resolve(error.code ?? ""),
    );
  });
}

// One at a time: how long it takes.
const times = { opened: [] as number[], closed: [] as number[] };
for (let i = 0; i < (reports ? SINGLES : 0); i++) {
  const port = FIRST + i;
  const is = (change: string) => told.get(port)?.change === change;
  const opened = await listen(port);
  await until("a port to be forwarded", () => is("opened"));
  times.opened.push(told.get(port)!.at - opened);
  await sleep(100);
  const closed = await close(port);
  await until("a port to be released", () => is("closed"));
  times.closed.push(told.get(port)!.at - closed);
  await sleep(100);
}

// At random.
const end = performance.now() + seconds * 1000;
let changes = 0;
while (performance.now() < end) {
  for (let i = 0; i < BURST; i++, changes++) {
    const port = FIRST + Math.floor(Math.random() * count);
    if (open.has(port)) await close(port);
    else await listen(port);
  }
  await sleep(PAUSE_MS);
}
for (let port = FIRST; port < FIRST + count; port++) {
  if (!open.has(port) && port % 3 === 0) await listen(port);
}
const ports = () =>
  subsystem.status().ports.filter(({ listening }) => listening)
    .map(({ port }) => port).join();
const expected = [...open.keys()].sort((a, b) => a - b);
await until("exactly the open ports", () => ports() === expected.join());
let wrong = 0;
for (let port = FIRST; port < FIRST + count; port++) {
  const reply = open.has(port) ? String(port) : "ECONNREFUSED";
  if (await ask(port) !== reply) wrong++;
}
const start = performance.now();
const effect = await subsystem.stop();
const stopMs = performance.now() - start;
const again = performance.now();
subsystem.start();
await until("all ports again", () => ports() === expected.join());
const startMs = performance.now() - again;
for (const port of [...open.keys()]) await close(port);
await until("no port", () => ports() === "");
await subsystem.stop();
subsystem.dispose();
console.log(JSON.stringify({
  ...{ changes, wrong, forwarded: expected.length, effect, stopMs, startMs },
  openedMs: median(times.opened),
  closedMs: median(times.closed),
}));
