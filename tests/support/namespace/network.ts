/**
 * A guest with one interface, to which an identity is applied. Runs in a
 * namespace of its own: see mod.ts.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import * as v from "valibot";
import { readHostname, setHostname } from "../../../src/linux/hostname.ts";
import { NetworkIdentity } from "../../../src/network/identity.ts";
import { applyIdentity } from "../../../src/steps/network.ts";
import { realLibc } from "../libc.ts";
import { ip, ipLines } from "./ip.ts";

const { identity, extra = [], refuse } = JSON.parse(process.argv[2]);
const libc = await realLibc();
const directory = mkdtempSync(join(tmpdir(), "lull-network-"));
const resolver = join(directory, "resolv.conf");

ip("link add eth0 type veth peer name host0");
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
writeFileSync(resolver, "search example.org\nnameserver 10.0.2.3\n");

function state() {
  return {
    addresses: ipLines("-o -4 addr show dev eth0").map((line) =>
      line.split(/\s+/)[3]
    ).sort(),
    addresses6: ipLines("-o -6 addr show dev eth0 scope global").length,
    routes: ipLines("route show").filter((line) => !line.includes("169.254"))
      .map((line) => line.replace(/ (linkdown|onlink)/g, "")).sort(),
    mac: /link\/ether (\S+)/.exec(ip("link show eth0"))![1],
    neighbours: ipLines("-4 neigh show dev eth0"),
    hostname: readHostname(),
    resolver: existsSync(resolver) ? readFileSync(resolver, "utf8") : null,
  };
}

const before = state();
let effect: unknown;
let error: string | undefined;
try {
  effect = applyIdentity(
    refuse ? { ...libc, sethostname: () => -1, errno: () => 1 } : libc,
    v.parse(NetworkIdentity, identity),
    resolver,
  );
} catch (thrown) {
  error = (thrown as Error).message;
}
console.log(JSON.stringify({ before, after: state(), effect, error }));
rmSync(directory, { recursive: true });
