import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { LinkAddress } from "../../src/linux/link_addresses.ts";
import type { LinkRoute } from "../../src/linux/routes.ts";
import { AF_INET, AF_INET6 } from "../../src/linux/socket_constants.ts";
import { dhcpClientsOf } from "../../src/network/dhcp_clients.ts";
import type { Facts } from "../../src/network/facts.ts";
import { profile } from "../../src/network/network_manager.ts";
import { networkFile } from "../../src/network/networkd.ts";
import { Budget, runProgram } from "../../src/network/program.ts";

function address(text: string, prefix: number): LinkAddress {
  const family = text.includes(":") ? AF_INET6 : AF_INET;
  const payload = new Uint8Array();
  return {
    ...{ family, address: text, prefix, payload },
    ...{ global: true, permanent: true },
  };
}

function route(destination: string, gateway?: string): LinkRoute {
  const family = destination.includes(":") ? AF_INET6 : AF_INET;
  return {
    ...{ family, destination, gateway, metric: 0, link: 2 },
    ...{ isDefault: destination.endsWith("/0"), source: undefined },
    ...{ byKernel: false, isLeased: false, payload: new Uint8Array() },
  };
}

function facts(more: Partial<Facts> = {}): Facts {
  return {
    link: {
      ...{ index: 2, name: "eth0", loopback: false, up: true, mtu: 1500 },
      mac: new Uint8Array(6),
    },
    addresses: [address("10.0.7.20", 24), address("fd00:7::20", 64)],
    routes: [route("0.0.0.0/0", "10.0.7.1"), route("::/0", "fe80::1")],
    ...{ given4: true, given6: true, gateway6: true },
    ...{ leased4: false, leased6: false },
    identity: {
      ...{ mac: "02:00:00:00:00:77", mtu: 1400 },
      ...{ dns: ["10.0.7.53"], search: ["a.b", "c"] },
    },
    ...more,
  };
}

describe("the file for systemd-networkd", () => {
  const image = `[Match]
Name=en* eth*

[Network]
DHCP=yes
Address=10.0.2.15/24

[Link]
RequiredForOnline=no

[Route]
Gateway=10.0.2.2
`;

  it("has the file of the image for one interface, and then the identity", () => {
    assert.equal(
      networkFile(image, facts()),
      `[Match]
Name=eth0

[Network]
DHCP=yes

[Link]
RequiredForOnline=no
# Lull: the identity of this fork
[Link]
MACAddress=02:00:00:00:00:77
MTUBytes=1400
[Network]
DHCP=no
DNS=
DNS=10.0.7.53
Domains=
Domains=a.b c
[Address]
Address=10.0.7.20/24
DuplicateAddressDetection=none
[Address]
Address=fd00:7::20/64
DuplicateAddressDetection=none
[Route]
Destination=0.0.0.0/0
Gateway=10.0.7.1
GatewayOnLink=yes
[Route]
Destination=::/0
Gateway=fe80::1
GatewayOnLink=yes
[IPv6AcceptRA]
UseAutonomousPrefix=no
DHCPv6Client=no
UseGateway=no
`,
    );
  });

  it("leaves DHCP to the families that have no address of the host", () => {
    const dhcp = (given4: boolean, given6: boolean, said = "yes") =>
      /DHCP=(\S+)$/m.exec(
        networkFile(
          image.replace("DHCP=yes", `DHCP=${said}`),
          facts({ given4, given6 }),
        ).split("# Lull")[1],
      )?.[1];
    assert.equal(dhcp(false, false), "yes");
    assert.equal(dhcp(true, false), "ipv6");
    assert.equal(dhcp(false, true), "ipv4");
    assert.equal(dhcp(false, true, "ipv6"), "no");
    assert.equal(dhcp(true, false, "ipv4"), "no");
    assert.equal(dhcp(false, false, "no"), "no");
  });

  it("keeps the name servers of a lease that ends", () => {
    const identity = {};
    const state = new Map([["DNS", "10.0.2.3 fd00::3"]]);
    const text = networkFile(image, facts({ identity }), state);
    assert.match(text, /^DNS=\nDNS=10\.0\.2\.3\nDNS=fd00::3$/m);
    const leased = facts({ identity, given4: false, given6: false });
    assert.doesNotMatch(networkFile(image, leased, state), /DNS=/);
  });
});

describe("the profile for NetworkManager", () => {
  const names = {
    id: "lull-eth0",
    uuid: "u",
    servers: ["10.0.7.53", "fd00::53"],
  };

  it("has both families", () => {
    assert.equal(
      profile(facts(), names),
      `[connection]
id=lull-eth0
uuid=u
type=ethernet
interface-name=eth0
autoconnect=true
autoconnect-priority=999
[ethernet]
cloned-mac-address=02:00:00:00:00:77
mtu=1400
[ipv4]
method=manual
address1=10.0.7.20/24
route1=0.0.0.0/0,10.0.7.1,0
dns=10.0.7.53;
dns-search=a.b;c;
[ipv6]
addr-gen-mode=eui64
method=manual
address1=fd00:7::20/64
route1=::/0,fe80::1,0
dns=fd00::53;
dns-search=a.b;c;
`,
    );
  });

  it("leaves a lease to NetworkManager, and an unused family unused", () => {
    const one = facts({
      ...{ addresses: [], routes: [], given4: false, given6: false },
      ...{ leased4: true, identity: { mac: "02:00:00:00:00:77" } },
    });
    const text = profile(one, { ...names, servers: [] });
    assert.match(text, /\[ipv4\]\nmethod=auto\n\[ipv6\]/);
    assert.match(text, /\nmethod=link-local\n$/);
  });
});

describe("the DHCP clients of an interface", () => {
  const find = (name: string, ...args: string[]) =>
    dhcpClientsOf(
      [{ pid: 7, name, args: [name, ...args] }],
      "eth0",
      (word) => ["eth0", "eth1"].includes(word),
    ).map(({ name, is6 }) => `${name} ${is6 ? 6 : 4}`);

  it("are those that serve it", () => {
    assert.deepEqual(find("dhclient", "-pf", "/run/x.pid", "eth0"), [
      "dhclient 4",
    ]);
    assert.deepEqual(find("dhclient", "-6", "eth0"), ["dhclient 6"]);
    assert.deepEqual(find("dhclient", "eth1"), []);
    assert.deepEqual(find("dhclient"), ["dhclient 4"]);
    assert.deepEqual(find("udhcpc", "-f", "-i", "eth0"), ["udhcpc 4"]);
    assert.deepEqual(find("udhcpc", "-ieth0"), ["udhcpc 4"]);
    assert.deepEqual(find("udhcpc", "--interface=eth1"), []);
    assert.deepEqual(find("udhcpc"), ["udhcpc 4"]);
    assert.deepEqual(find("busybox", "udhcpc", "-i", "eth0"), ["udhcpc 4"]);
    assert.deepEqual(find("busybox", "httpd", "eth0"), []);
    assert.deepEqual(find("dhcpcd", "-B"), ["dhcpcd 4"]);
    assert.deepEqual(find("dhcpcd", "eth1"), []);
  });
});

describe("a program of the guest", () => {
  it("gives its output, or its error in one line", async () => {
    assert.equal(await runProgram(["sh", "-c", "echo a"], 5000), "a\n");
    await assert.rejects(
      runProgram(["sh", "-c", "echo bad >&2; echo more >&2; exit 3"], 5000),
      { message: "Cannot run sh -c echo bad >&2; echo more >&2; exit 3: bad" },
    );
    await assert.rejects(runProgram(["lull-none", "x"], 5000), {
      message: "Cannot run lull-none x: this machine has no lull-none",
    });
  });

  it("ends at its limit", async () => {
    const start = performance.now();
    await assert.rejects(runProgram(["sleep", "60"], 100), {
      message: "Cannot run sleep 60: it did not end within 100 ms",
    });
    assert.ok(performance.now() - start < 10_000);
    const none = new Budget(0);
    await assert.rejects(runProgram(["sleep", "60"], none.left(100)), {
      message: "Cannot run sleep 60: no time is left",
    });
  });
});
