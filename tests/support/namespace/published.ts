/**
 * A guest with a container, as Docker makes it: a bridge, a port that is published by a proxy on
 * loopback, and one that is published by rules of the packet filter alone. Runs in a namespace of its
 * own: see mod.ts.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import net from "node:net";
import { PortSubsystem } from "../../../src/ports/subsystem.ts";
import { loadRuntime } from "../../../src/runtime/mod.ts";
import { deferred } from "../deferred.ts";
import { realLibc } from "../libc.ts";
import { until } from "../until.ts";
import { ip } from "./ip.ts";
import { commandFor } from "./mod.ts";

const ADDRESS = "127.99.0.1";
const PROXIED = 8080;
const FILTERED = 8081;

const container = spawn("unshare", [
  "-n",
  ...commandFor(new URL("./container.ts", import.meta.url)),
], { stdio: ["pipe", "pipe", "inherit"] });
await once(container.stdout, "data");
ip("link set lo up");
ip("link add br0 type bridge");
ip("addr add 172.18.0.1/16 dev br0");
ip("link set br0 up");
ip(`link add veth0 type veth peer name eth0 netns ${container.pid}`);
ip("link set veth0 master br0");
ip("link set veth0 up");
container.stdin.write("go\n");
await once(container.stdout, "data");

// What Docker's proxy does.
const proxy = net.createServer((socket) => {
  const target = net.connect(80, "172.18.0.2");
  for (const one of [socket, target]) one.on("error", () => {});
  socket.pipe(target).pipe(socket);
});
await once(proxy.listen(PROXIED, "127.0.0.1"), "listening");
// What Docker does without its proxy, and CNI's portmap.
writeFileSync("/proc/sys/net/ipv4/conf/all/route_localnet", "1");
execFileSync("nft", ["-f", "-"], {
  input: `
    table ip nat {
      chain output {
        type nat hook output priority -100;
        ip daddr 127.0.0.1 tcp dport ${FILTERED} dnat to 172.18.0.2:80
      }
      chain postrouting {
        type nat hook postrouting priority 100;
        ip saddr 127.0.0.1 oifname br0 masquerade
      }
    }
  `,
});

const subsystem = new PortSubsystem({
  ...{ scanIntervalMs: 1000, forwardAddresses: [ADDRESS], ownPorts: () => [] },
  always: [{ first: FILTERED, last: FILTERED }],
  workerUrl: new URL("../../../src/ports/forwarder_worker.ts", import.meta.url),
  ...{ runtime: await loadRuntime(), libc: await realLibc() },
  ...{ queue: deferred(), log: { info() {}, warn: console.error } },
});
subsystem.start();
await until(
  "both ports",
  () => subsystem.status().ports.filter((one) => one.listening).length === 2,
);
const replies: Record<string, string> = {};
for (const port of [PROXIED, FILTERED]) {
  const socket = net.connect({ host: ADDRESS, port });
  let text = "";
  socket.on("data", (bytes) => text += bytes);
  const [error] = await Promise.race([
    once(socket, "end"),
    once(socket, "close"),
  ]);
  replies[port] = text || String(error);
}
await subsystem.stop();
subsystem.dispose();
proxy.close();
container.stdin.end();
console.log(JSON.stringify(replies));
