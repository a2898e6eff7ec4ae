/**
 * A guest with one interface, to which identities are applied. Runs in a
 * namespace of its own: see mod.ts.
 */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import * as v from "valibot";
import { readHostname, setHostname } from "../../../src/linux/hostname.ts";
import { applyIdentities } from "../../../src/network/apply.ts";
import { NetworkIdentities } from "../../../src/network/identity.ts";
import { realLibc } from "../libc.ts";
import { ip, ipLines } from "./ip.ts";

const {
  identities,
  extra = [],
  refuse,
  replyOver,
  missing = [],
  linked = false,
  forwardAddresses = ["169.254.0.21"],
} = JSON.parse(process.argv[2]);
const libc = await realLibc();
const directory = mkdtempSync(join(tmpdir(), "lull-network-"));
/** A directory in memory; other runs of this script have others. */
const memory = join("/dev/shm", basename(directory));
const etc = join(directory, "etc");
mkdirSync(etc);

ip("link add eth0 type veth peer name host0");
ip("link add eth1 type veth peer name host1");
ip("link set lo up");
ip("link set host0 up");
ip("link set eth0 address 02:00:00:00:00:01");
ip("link set eth0 up");
ip("addr add 10.0.2.15/24 dev eth0");
ip("addr add 169.254.0.21/16 dev eth0");
ip("addr add fd00::15/64 dev eth0 nodad");
ip("route add default via 10.0.2.2");
ip("route add 10.9.0.0/16 via 10.0.2.3");
ip("neigh add 10.0.2.2 lladdr 02:00:00:00:00:02 dev eth0 nud reachable");
ip("neigh add 10.0.2.9 lladdr 02:00:00:00:00:09 dev eth0 nud permanent");
for (const words of extra) ip(words);
setHostname(libc, "source");
const texts: Record<string, string> = {
  "resolv.conf": "search example.org\nnameserver 10.0.2.3\n",
  hosts: "127.0.0.1\tlocalhost\n10.0.2.15\tsource.example.org source\n",
  hostname: "source\n",
};
for (const [name, text] of Object.entries(texts)) {
  if (!missing.includes(name)) writeFileSync(join(etc, name), text);
}
if (linked) {
  // As systemd-resolved has it: a link to a file that is in memory.
  rmSync(join(etc, "resolv.conf"));
  symlinkSync(join(memory, "resolv.conf"), join(etc, "resolv.conf"));
}

function files() {
  return Object.fromEntries(
    Object.keys(texts).map((name) => {
      const path = join(etc, name);
      return [name, existsSync(path) ? readFileSync(path, "utf8") : null];
    }),
  );
}

/** What the disk has below the mounts. */
function below() {
  const bare = mounts();
  for (const path of bare) execFileSync("umount", [path]);
  return files();
}

function mounts() {
  return readFileSync("/proc/self/mountinfo", "utf8").split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(directory));
}

function state() {
  return {
    addresses: ipLines("-o -4 addr show dev eth0").map((line) =>
      line.split(/\s+/)[3]
    ).sort(),
    addresses6: ipLines("-o -6 addr show dev eth0").map((line) =>
      line.split(/\s+/)[3]
    ).sort(),
    routes6: ipLines("-6 route show default dev eth0"),
    mtu: Number(/mtu (\d+)/.exec(ip("link show eth0"))![1]),
    eth1: ipLines("-o addr show dev eth1 scope global").map((line) =>
      line.split(/\s+/)[3]
    ).sort(),
    routes: ipLines("route show").filter((line) => !line.includes("169.254"))
      .map((line) => line.replace(/ (linkdown|onlink)/g, "")).sort(),
    mac: /link\/ether (\S+)/.exec(ip("link show eth0"))![1],
    neighbours: ipLines("-4 neigh show dev eth0"),
    hostname: readHostname(),
    files: files(),
    mounts: mounts().length,
  };
}

const before = state();
let applied: unknown;
let error: string | undefined;
try {
  // One after the other, as later calls of the host.
  for (const identity of identities) {
    const { interfaces, replaced } = applyIdentities(
      {
        libc: refuse
          ? { ...libc, sethostname: () => -1, errno: () => 1 }
          : libc,
        ...{ forwardAddresses, etc, directory: join(directory, "run") },
      },
      v.parse(NetworkIdentities, identity),
      replyOver,
    );
    applied = { interfaces, replaced: Object.fromEntries(replaced) };
  }
} catch (thrown) {
  error = (thrown as Error).message;
}
const after = state();
console.log(JSON.stringify({ before, after, applied, error, below: below() }));
rmSync(directory, { recursive: true });
rmSync(memory, { recursive: true, force: true });
