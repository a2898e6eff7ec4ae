import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Managed } from "../../src/network/managers.ts";
import { until } from "../support/until.ts";
import { callRecover, health, LIMIT, prepareSettled } from "./support/agent.ts";
import { Fleet, say } from "./support/fleet.ts";
import type { Machine } from "./support/machine.ts";
import {
  LAN,
  LEASE_SECONDS,
  type Manager,
  MANAGERS,
} from "./support/network_managers.ts";

/** The identity of a fork. */
interface Identity {
  readonly hostname: string;
  readonly eth0: string;
  readonly lan4: string;
  readonly lan6: string;
  readonly linkLocal: string;
  readonly mac: string;
  readonly dns: string;
  readonly domain: string;
}

function identityOf(number: number): Identity {
  return {
    hostname: `fork-${number}`,
    eth0: `10.0.2.2${number}`,
    lan4: `10.7.0.3${number}`,
    lan6: `fd07::3${number}`,
    linkLocal: `fe80::ff:fe00:13${number}`,
    mac: `02:00:00:00:01:3${number}`,
    dns: `10.7.0.5${number}`,
    domain: `fork${number}.example.org`,
  };
}

/** What the host sends. */
function networkOf(one: Identity) {
  return [
    {
      ...{ address: `${one.eth0}/24`, gateway: "10.0.2.2" },
      hostname: one.hostname,
    },
    {
      ...{ interface: "lan0", mac: one.mac, mtu: 1400 },
      ...{ address: [`${one.lan4}/24`, `${one.lan6}/64`] },
      ...{ dns: [one.dns], search: [one.domain] },
    },
  ];
}

/** Starts the program, and waits until lan0 has a lease. */
async function lease(machine: Machine, { start }: Manager): Promise<void> {
  await machine.sh(start);
  await until(
    "a lease",
    async () =>
      (await machine.sh("ip -o -4 addr show dev lan0")).includes("10.7.0.1"),
    LIMIT,
  );
}

/** A fork with the identity. The call comes to the address that the identity replaces. */
async function become(
  fork: Machine,
  manager: Manager,
  identity: Identity,
): Promise<void> {
  await fork.cont();
  const { status, reply } = await callRecover(fork, {
    ...{ outcome: "restored", hostTime: Date.now() },
    network: networkOf(identity),
  });
  assert.equal(status, 200, JSON.stringify(reply));
  const report = [...reply.late ?? [], ...reply.recovery?.steps ?? []]
    .find(({ name, status }) => name === "network" && status === "done");
  const { effect } = report!;
  say(`${manager.name}: ${identity.hostname} after ${report!.ms} ms`);
  assert.equal(effect?.afterReply, "10.0.2.15 is removed");
  const [eth0, lan0] = effect.managers as Managed[];
  assert.equal(eth0.manager, "systemd-networkd");
  assert.equal(lan0.manager, manager.name);
  assert.deepEqual([...eth0.notManaged, ...lan0.notManaged], []);
  assert.ok(lan0.told.length > 0);
  await fork.reach(identity.eth0);
}

/** What a fork says of itself: a line each. One script, because a program starts slowly there. */
const LOOK = `show() { echo "$1 $(shift; "$@" 2>&1 | tr '\\n' ' ')"; }
show eth0 ip -br addr show dev eth0
show lan0 ip -br addr show dev lan0
show link ip link show lan0
show route ip route show default
show ping ip netns exec srv busybox ping -q -c1 -W5 "$LAN4"
show ping6 ip netns exec srv busybox ping6 -q -c1 -W5 "$LAN6"
show hostname hostname
show hostnamectl hostnamectl hostname
show hosts getent hosts "$(hostname)"
show failed systemctl --failed --no-legend
show resolv cat /etc/resolv.conf
`;
const LOOK_AT_RESOLVED = `show dns resolvectl dns lan0
show domain resolvectl domain lan0
show query resolvectl query "$(hostname)"
`;

/** Waits until the programs that were restarted have put everything back. */
async function ownAgain(
  fork: Machine,
  manager: Manager,
  identity: Identity,
): Promise<void> {
  const end = performance.now() + LIMIT;
  for (;;) {
    try {
      return await assertOwn(fork, manager, identity);
    } catch (error) {
      if (performance.now() > end) throw error;
    }
  }
}

/** All of the fork is its own, and none of the source's. */
async function assertOwn(
  fork: Machine,
  { resolved }: Manager,
  identity: Identity,
): Promise<void> {
  const { hostname, eth0, lan4, lan6, linkLocal, mac, dns, domain } = identity;
  const text = await fork.sh(
    `LAN4=${lan4} LAN6=${lan6}\n${LOOK}${resolved ? LOOK_AT_RESOLVED : ""}`,
  );
  const said = new Map(
    text.split("\n").map((line) => {
      const [key, ...words] = line.trim().split(/\s+/);
      return [key, words] as const;
    }),
  );
  const words = (key: string) => said.get(key)?.join(" ") ?? "";
  const addresses = (key: string) => said.get(key)?.slice(2).sort();
  assert.deepEqual(addresses("eth0"), [`${eth0}/24`], text);
  assert.deepEqual(addresses("lan0"), [
    ...[`${lan4}/24`, `${lan6}/64`, `${linkLocal}/64`],
  ], text);
  assert.match(words("link"), new RegExp(` mtu 1400 .* link/ether ${mac} `));
  assert.match(words("route"), /default via 10\.0\.2\.2 dev eth0/);
  // The other end of the cable reaches the fork.
  assert.match(words("ping"), / 0% packet loss/);
  assert.match(words("ping6"), / 0% packet loss/);
  assert.equal(words("hostname"), hostname);
  assert.equal(words("hostnamectl"), hostname);
  assert.match(words("hosts"), new RegExp(` ${hostname}$`));
  assert.equal(words("failed"), "");
  if (resolved) {
    assert.match(words("dns"), new RegExp(`: ${dns}$`));
    assert.match(words("domain"), new RegExp(`: ${domain}$`));
    assert.match(words("query"), new RegExp(`^${hostname}: `));
  } else {
    assert.equal(words("resolv"), `search ${domain} nameserver ${dns}`);
  }
  assert.equal((await health(fork)).state, "running");
}

describe("a fork of a Debian guest keeps its network identity", () => {
  const fleet = new Fleet("bun", { guest: "debian" });

  for (const manager of MANAGERS) {
    fleet.test(`beside ${manager.name}, for two lease times and a restart`, async () => {
      const source = await fleet.copy();
      await source.helperReady();
      await source.sh(LAN);
      await lease(source, manager);
      await prepareSettled(source);
      const snapshot = await fleet.snapshot(source, manager.name);
      await fleet.kill(source);
      const forks: { fork: Machine; identity: Identity }[] = [];
      // One after the other: two emulated machines that start programs are slow.
      for (const identity of [identityOf(1), identityOf(2)]) {
        const fork = await fleet.restore(snapshot);
        await become(fork, manager, identity);
        forks.push({ fork, identity });
      }
      const start = performance.now();
      await Promise.all(forks.map(({ fork }) => fork.sh(manager.restart)));
      await until(
        "two lease times",
        () => performance.now() - start > 2 * LEASE_SECONDS * 1000,
        LIMIT,
      );
      await Promise.all(
        forks.map(({ fork, identity }) => ownAgain(fork, manager, identity)),
      );
    });
  }
});
