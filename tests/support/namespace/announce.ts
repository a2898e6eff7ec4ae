/**
 * Two machines on one wire, of which one announces itself. Runs in a namespace
 * of its own: see mod.ts.
 */
import { spawn, spawnSync } from "node:child_process";
import process from "node:process";
import { announce } from "../../../src/linux/announce.ts";
import { Network } from "../../../src/linux/rtnetlink.ts";
import { realLibc } from "../libc.ts";
import { until } from "../until.ts";
import { ip } from "./ip.ts";

// It ends with this process, however that ends: its input does.
const other = spawn("unshare", ["-n", "cat"], {
  stdio: ["pipe", "ignore", "inherit"],
});
const ownNamespace = spawnSync("readlink", ["/proc/self/ns/net"]).stdout + "";
await until(
  "the other namespace",
  () =>
    `${spawnSync("readlink", [`/proc/${other.pid}/ns/net`]).stdout}` !==
      ownNamespace,
);
ip(`link add eth0 type veth peer name eth0 netns ${other.pid}`);
ip("link set eth0 address 02:00:00:00:00:01");
ip("link set eth0 up");

const ADDRESSES = ["10.0.2.15", "fd00::15"];

/** The `ip` tool of the other machine. */
function there(words: string): string {
  const [program, ...rest] = `-t ${other.pid} -n ip ${words}`.split(" ");
  const { status, stdout, stderr } = spawnSync("nsenter", [program, ...rest]);
  if (status !== 0) throw new Error(String(stderr));
  return String(stdout);
}

function remembered(): (string | undefined)[] {
  return ADDRESSES.map((address) =>
    /lladdr (\S+)/.exec(there(`neigh show ${address}`))?.[1]
  );
}

there("addr add 10.0.2.2/24 dev eth0");
there("addr add fd00::2/64 dev eth0 nodad");
there("link set eth0 up");
for (const address of ADDRESSES) {
  there(`neigh add ${address} lladdr 02:00:00:00:00:99 dev eth0 nud stale`);
}
const before = remembered();
const libc = await realLibc();
using network = new Network(libc);
const link = network.links().find(({ name }) => name === "eth0")!;
await until("the neighbour's new knowledge", () => {
  announce(libc, link.index, link.mac, ADDRESSES); // the link may still rise
  return remembered().every((mac, i) => mac !== before[i]);
});
console.log(JSON.stringify({ before, after: remembered() }));
other.kill();
process.exit(0);
