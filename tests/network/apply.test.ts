import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { apply, FORWARDER, skip } from "./forks.ts";

describe("the network identity of a fork", () => {
  it("changes nothing where no machine can be so", { skip }, async () => {
    for (
      const wrong of [
        { address: "10.0.7.0/24" },
        { address: "10.0.7.20/24", gateway: "10.0.7.20" },
        { address: ["10.0.7.20/24", "10.0.7.20/24"] },
      ]
    ) {
      const { before, after, error } = await apply({
        ...wrong,
        hostname: "fork-7",
      });
      assert.match(error ?? "", /^Cannot set the .*; give /);
      assert.deepEqual(after, before);
    }
  });

  it("gives a fork all of its own", { skip }, async () => {
    const { before, after, below, applied, error } = await apply({
      address: ["10.0.7.20/24", "fd00:7::20/64"],
      gateway: ["10.0.7.1", "fe80::1"],
      dns: ["10.0.7.53", "fd00::53"],
      search: ["fork.example.org"],
      mac: "02:00:00:00:00:77",
      mtu: 1400,
      hostname: "fork-7",
    });
    assert.equal(error, undefined);
    assert.deepEqual(before.addresses6, [
      "fd00::15/64",
      "fe80::ff:fe00:1/64",
    ]);
    assert.deepEqual(after, {
      // the address of the forwarder stays
      addresses: ["10.0.7.20/24", FORWARDER],
      // the link-local address is that of the new MAC
      addresses6: ["fd00:7::20/64", "fe80::ff:fe00:77/64"],
      routes: [
        "10.0.7.0/24 dev eth0 proto kernel scope link src 10.0.7.20",
        "default via 10.0.7.1 dev eth0 proto static",
      ],
      routes6: [
        "default via fe80::1 proto static metric 1024 onlink pref medium",
      ],
      mac: "02:00:00:00:00:77",
      mtu: 1400,
      eth1: [],
      neighbours: [], // the kernel itself forgets all with the MAC
      hostname: "fork-7",
      files: {
        "resolv.conf":
          "search fork.example.org\nnameserver 10.0.7.53\nnameserver fd00::53\n",
        hosts: "127.0.0.1\tlocalhost\n10.0.7.20\tfork-7.example.org fork-7\n",
        hostname: "fork-7\n",
      },
      mounts: 3,
    });
    assert.deepEqual(below, before.files);
    assert.deepEqual(applied?.interfaces, [{
      interface: "eth0",
      changed: [
        ...["mac", "link-local address", "mtu", "address"],
        ...["route by 10.0.2.3 lost", "gateway"],
        applied?.interfaces[0].changed
          .find((what) => what.startsWith("neighbours")),
        ...["announced", "dns", "hostname", "hosts", "hostname file"],
      ],
    }]);
    assert.deepEqual(applied?.replaced, {
      "10.0.2.15": "10.0.7.20",
      "fd00::15": "fd00:7::20",
    });
  });

  it("changes one family and leaves the other", { skip }, async () => {
    const { before, after } = await apply({ address: "fd00:7::20/64" });
    assert.deepEqual(after.addresses, before.addresses);
    assert.deepEqual(after.routes, before.routes);
    assert.deepEqual(after.addresses6, ["fd00:7::20/64", "fe80::ff:fe00:1/64"]);
    const four = await apply({ address: "10.0.7.20/24", gateway: "10.0.7.1" });
    assert.deepEqual(four.after.addresses6, four.before.addresses6);
    assert.deepEqual(four.after.routes6, four.before.routes6);
  });

  it("changes several interfaces", { skip }, async () => {
    const { after, applied, error } = await apply([
      { address: "10.0.7.20/24", gateway: "10.0.7.1", hostname: "fork-7" },
      { interface: "eth1", address: ["10.1.0.5/24", "fd01::5/64"], mtu: 1300 },
    ]);
    assert.equal(error, undefined);
    assert.deepEqual(after.addresses, ["10.0.7.20/24", FORWARDER]);
    assert.deepEqual(after.eth1, ["10.1.0.5/24", "fd01::5/64"]);
    assert.deepEqual(applied?.interfaces.map((one) => one.interface), [
      ...["eth0", "eth1"],
    ]);
  });

  it("refuses one interface twice, once by its name", { skip }, async () => {
    const { before, after, error } = await apply([
      { address: "10.0.7.20/24" },
      { interface: "eth0", address: "10.0.8.20/24" },
    ]);
    assert.match(error ?? "", /^Cannot set interface eth0: it is there twice/);
    assert.deepEqual(after.addresses, before.addresses);
  });

  it("keeps the forward address of any network, and no other of its kind", {
    skip,
  }, async () => {
    const extra = ["addr add 192.0.2.1/32 dev eth0"];
    const { after } = await apply({ address: "10.0.7.20/24" }, {
      ...{ extra, forwardAddresses: ["192.0.2.1"] },
    });
    assert.deepEqual(after.addresses, ["10.0.7.20/24", "192.0.2.1/32"]);
  });

  it("keeps the address of the call until it has its reply", {
    skip,
  }, async () => {
    const more = { replyOver: "10.0.2.15" };
    const { after, applied } = await apply(
      { address: "10.0.2.99/24", hostname: "fork-7" },
      more,
    );
    assert.deepEqual(after.addresses, [
      ...["10.0.2.15/24", "10.0.2.99/24", FORWARDER],
    ]);
    assert.deepEqual(applied?.replaced, { "10.0.2.15": "10.0.2.99" });
    const six = await apply({ mac: "02:00:00:00:00:77" }, {
      replyOver: "fe80::ff:fe00:1",
    });
    assert.deepEqual(six.after.addresses6, [
      ...["fd00::15/64", "fe80::ff:fe00:1/64", "fe80::ff:fe00:77/64"],
    ]);
  });

  it("keeps the routes that still fit a new address", { skip }, async () => {
    const extra = ["route add 10.8.0.0/16 via 10.0.2.3 src 10.0.2.15"];
    const { before, after } = await apply({ address: "10.0.2.99/24" }, {
      extra,
    });
    assert.deepEqual(after.addresses, ["10.0.2.99/24", FORWARDER]);
    assert.deepEqual(
      after.routes,
      before.routes.map((line) =>
        line.replace(/(via.*) src 10.0.2.15/, "$1")
          .replace("10.0.2.15", "10.0.2.99")
      ),
    );
  });

  it("leaves an address that it already has", { skip }, async () => {
    const extra = ["addr add 10.0.2.16/24 dev eth0"];
    const { before, after } = await apply({ address: "10.0.2.16/24" }, {
      extra,
    });
    assert.equal(before.addresses.length, 3);
    assert.deepEqual(after.addresses, ["10.0.2.16/24", FORWARDER]);
  });

  it("takes a network of one with a gateway outside", { skip }, async () => {
    const { after } = await apply({
      address: "172.16.0.2/32",
      gateway: "172.16.0.1",
    });
    assert.deepEqual(after.addresses, [FORWARDER, "172.16.0.2/32"]);
    assert.deepEqual(after.routes, [
      "default via 172.16.0.1 dev eth0 proto static",
    ]);
  });

  it("forgets neighbours, not those that were put there", {
    skip,
  }, async () => {
    const { before, after } = await apply({ gateway: "10.0.2.4" });
    assert.equal(before.neighbours.length, 2);
    assert.deepEqual(after.neighbours, [
      "10.0.2.9 lladdr 02:00:00:00:00:09 PERMANENT",
    ]);
    assert.deepEqual(after.addresses, before.addresses);
  });

  it("changes a name without a look at the network", { skip }, async () => {
    const { before, after, applied } = await apply({ hostname: "fork-8" });
    assert.deepEqual({ ...after, files: 0, mounts: 0 }, {
      ...{ ...before, files: 0, mounts: 0 },
      hostname: "fork-8",
    });
    assert.deepEqual(applied?.interfaces, [{
      changed: ["hostname", "hosts", "hostname file"],
    }]);
  });

  it("takes everything back where the last part fails", { skip }, async () => {
    const { before, after, error } = await apply({
      address: ["10.0.7.20/24", "fd00:7::20/64"],
      gateway: ["10.0.7.1", "fe80::1"],
      dns: ["10.0.7.53"],
      mac: "02:00:00:00:00:77",
      mtu: 1400,
      hostname: "fork-7",
    }, { refuse: true });
    assert.equal(
      error,
      "Cannot set the host name: EPERM; the changes before it were undone",
    );
    assert.deepEqual({ ...after, neighbours: [] }, {
      ...before,
      neighbours: [],
    });
  });

  it("changes nothing of an interface that is not there", {
    skip,
  }, async () => {
    const { before, after, error } = await apply({
      interface: "eth7",
      address: "10.0.7.20/24",
    });
    assert.match(error!, /^Cannot find interface eth7: there is none/);
    assert.deepEqual(after, before);
  });
});
