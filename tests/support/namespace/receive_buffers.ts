/**
 * Makes a device receive packets from its neighbour. Runs in a namespace of its own; the neighbour
 * is in another one.
 */
import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { overwriteReceiveBuffers } from "../../../src/linux/receive_buffers.ts";
import { realLibc } from "../libc.ts";
import { until } from "../until.ts";
import { ip } from "./ip.ts";

const peer = spawn("unshare", ["-n", "sleep", "60"]);
ip("link set lo up");
ip("link add eth0 type veth peer name eth1");
// The process is in its namespace as soon as it is `sleep`.
await until(
  "the neighbour",
  () => readFileSync(`/proc/${peer.pid}/comm`, "utf8").trim() === "sleep",
);
ip(`link set eth1 netns ${peer.pid}`);
ip("addr add 10.0.2.15/24 dev eth0");
ip("link set eth0 up");
const isUp = (text: string) => text.includes("state UP");
const there = (words: string) =>
  String(execFileSync("nsenter", [
    "-t",
    String(peer.pid),
    "-n",
    "ip",
    ...words.split(" "),
  ]));
there("addr add 10.0.2.2/24 dev eth1");
there("link set eth1 up");
// Until then, the kernel drops what is sent.
await until(
  "the link",
  () => [ip("link show eth0"), there("link show eth1")].every(isUp),
);
const libc = await realLibc();
const signal = new AbortController().signal;
const alone = await overwriteReceiveBuffers(libc, signal);
const macOf = (text: string) => /ether (\S+)/.exec(text)![1];
const [own, other] = [ip("link show eth0"), there("link show eth1")].map(macOf);
ip(`neigh replace 10.0.2.2 lladdr ${other} dev eth0 nud reachable`);
there(`neigh replace 10.0.2.15 lladdr ${own} dev eth1 nud reachable`);
const received = await overwriteReceiveBuffers(libc, signal);
peer.kill("SIGKILL");
console.log(JSON.stringify({ alone, received }));
