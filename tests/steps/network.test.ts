import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { NetworkIdentity } from "../../src/lifecycle/request.ts";
import { networkRepair } from "../../src/steps/network.ts";
import { inNamespace, namespaceProblem } from "../support/namespace/mod.ts";
import { repairWith } from "../support/recovery.ts";

interface State {
  addresses: string[];
  addresses6: number;
  routes: string[];
  mac: string;
  neighbours: string[];
  hostname: string;
  resolver: string;
}

interface Result {
  before: State;
  after: State;
  effect?: { interface?: string; changed: string[] };
  error?: string;
}

const script = new URL("../support/namespace/network.ts", import.meta.url);
const skip = namespaceProblem();

function apply(
  identity: NetworkIdentity,
  more: { extra?: string[]; refuse?: boolean } = {},
): Promise<Result> {
  return inNamespace(script, { identity, ...more });
}

describe("the network repair", () => {
  it("touches nothing without an identity", async () => {
    assert.deepEqual(await repairWith(networkRepair({}), {}), {
      skipped: "no identity was given",
    });
  });

  it("changes nothing where no machine can be so", { skip }, async () => {
    for (
      const wrong of [
        { address: "10.0.7.0/24" },
        { address: "10.0.7.20/24", gateway: "10.0.7.20" },
      ]
    ) {
      const { before, after, error } = await apply({
        ...wrong,
        hostname: "fork-7",
      });
      assert.match(error ?? "", /^Cannot set the .*; give th/);
      assert.deepEqual(after, before);
    }
  });

  it("gives a fork all of its own", { skip }, async () => {
    const { after, effect, error } = await apply({
      address: "10.0.7.20/24",
      gateway: "10.0.7.1",
      dns: ["10.0.7.53", "fd00::53"],
      mac: "02:00:00:00:00:77",
      hostname: "fork-7",
    });
    assert.equal(error, undefined);
    assert.deepEqual(after, {
      // the address of the forwarder stays
      addresses: ["10.0.7.20/24", "169.254.0.21/16"],
      addresses6: 1,
      routes: [
        "10.0.7.0/24 dev eth0 proto kernel scope link src 10.0.7.20",
        "default via 10.0.7.1 dev eth0 proto static",
      ],
      mac: "02:00:00:00:00:77",
      neighbours: [], // the kernel itself forgets all with the MAC
      hostname: "fork-7",
      resolver:
        "search example.org\nnameserver 10.0.7.53\nnameserver fd00::53\n",
    });
    assert.deepEqual(effect, {
      interface: "eth0",
      changed: [
        "mac",
        "address",
        "route by 10.0.2.3 lost",
        "gateway",
        effect!.changed.find((what) => what.startsWith("neighbours")),
        "announced",
        "dns",
        "hostname",
      ],
    });
  });

  it("keeps the routes that still fit a new address", { skip }, async () => {
    const { before, after } = await apply({ address: "10.0.2.99/24" });
    assert.deepEqual(after.addresses, ["10.0.2.99/24", "169.254.0.21/16"]);
    assert.deepEqual(
      after.routes,
      before.routes.map((line) => line.replace("10.0.2.15", "10.0.2.99")),
    );
  });

  it("leaves an address that it already has", { skip }, async () => {
    const extra = ["addr add 10.0.2.16/24 dev eth0"];
    const { before, after } = await apply({ address: "10.0.2.16/24" }, {
      extra,
    });
    assert.equal(before.addresses.length, 3);
    assert.deepEqual(after.addresses, ["10.0.2.16/24", "169.254.0.21/16"]);
  });

  it("takes a network of one with a gateway outside", { skip }, async () => {
    const { after } = await apply({
      address: "172.16.0.2/32",
      gateway: "172.16.0.1",
    });
    assert.deepEqual(after.addresses, ["169.254.0.21/16", "172.16.0.2/32"]);
    assert.deepEqual(after.routes, [
      "default via 172.16.0.1 dev eth0 proto static",
    ]);
  });

  it(
    "forgets neighbours, not those that were put there",
    { skip },
    async () => {
      const { before, after } = await apply({ gateway: "10.0.2.4" });
      assert.equal(before.neighbours.length, 2);
      assert.deepEqual(after.neighbours, [
        "10.0.2.9 lladdr 02:00:00:00:00:09 PERMANENT",
      ]);
      assert.deepEqual(after.addresses, before.addresses);
    },
  );

  it("changes a name without a look at the network", { skip }, async () => {
    const { before, after, effect } = await apply({ hostname: "fork-8" });
    assert.deepEqual(after, { ...before, hostname: "fork-8" });
    assert.deepEqual(effect, { changed: ["hostname"] });
  });

  it("takes everything back where the last part fails", { skip }, async () => {
    const { before, after, error } = await apply({
      address: "10.0.7.20/24",
      gateway: "10.0.7.1",
      dns: ["10.0.7.53"],
      mac: "02:00:00:00:00:77",
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

  it(
    "changes nothing of an interface that is not there",
    { skip },
    async () => {
      const { before, after, error } = await apply({
        interface: "eth7",
        address: "10.0.7.20/24",
      });
      assert.match(error!, /^Cannot find interface eth7: there is none/);
      assert.deepEqual(after, before);
    },
  );
});
