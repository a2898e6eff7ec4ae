import { describe, it } from "node:test";
import assert from "node:assert/strict";
import * as v from "valibot";
import type { NetworkIdentity as Identity } from "../../src/lifecycle/request.ts";
import { contradictionIn } from "../../src/network/contradictions.ts";
import {
  NetworkIdentities,
  NetworkIdentity,
} from "../../src/network/identity.ts";

const good: unknown[] = [
  { address: "10.0.2.15/24" },
  { address: "172.16.0.2/32", gateway: "172.16.0.1" },
  { address: "172.16.0.0/31" },
  { address: "fd00::15/64" },
  { address: ["10.0.2.15/24", "2001:db8::1/128", "fd00:1:2:3:4:5:6:7/127"] },
  { address: "fd00::/127", gateway: "fe80::1" },
  { gateway: ["10.0.2.2", "fe80::2"] },
  { dns: ["1.1.1.1", "2606:4700::1111"] },
  { search: ["example.org", "a"] },
  { mtu: 1400 },
  { mac: "02:AB:cd:00:00:01" },
  { hostname: "a" },
  { hostname: "fork-7.example.org", persist: true },
  { interface: "eth0", gateway: "192.168.0.1" },
];

const bad: unknown[] = [
  {},
  { interface: "eth0" },
  { persist: true },
  { persist: "yes", hostname: "a" },
  { interface: "../eth0", hostname: "a" },
  { interface: "sixteen-letters-", hostname: "a" },
  { address: "10.0.2.15" },
  { address: "10.0.2.15/0" },
  { address: "10.0.2.15/33" },
  { address: "10.0.2.256/24" },
  { address: "127.0.0.1/8" },
  { address: "224.0.0.1/24" },
  { address: "::1/128" },
  { address: "fd00::1/129" },
  { address: "fd00::1::2/64" },
  { address: "fd00::1" },
  { address: "fe80::1%eth0/64" },
  { address: "::ffff:10.0.2.15/96" },
  { address: [] },
  { address: ["10.0.2.15/24", 5] },
  { address: "10.0.2.15/24\n" },
  { gateway: "::" },
  { gateway: "0.0.0.0" },
  { gateway: ["10.0.2.1", "10.0.2.2", "10.0.2.3"] },
  { dns: [] },
  { dns: ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"] },
  { dns: ["1.1.1.1\noptions evil"] },
  { search: ["a b"] },
  { search: ["a\nnameserver 6.6.6.6"] },
  { mtu: 67 },
  { mtu: 70_000 },
  { mtu: 1400.5 },
  { mtu: "1400" },
  { mac: "02:00:00:00:00" },
  { mac: "03:00:00:00:00:01" },
  { mac: "ff:ff:ff:ff:ff:ff" },
  { mac: "00:00:00:00:00:00" },
  { hostname: "" },
  { hostname: "-a" },
  { hostname: "a." },
  { hostname: "a_b" },
  { hostname: `${"a".repeat(60)}.${"b".repeat(10)}` },
  { hostname: "a", color: "red" },
  { hostname: 7 },
  { hostname: `${"a".repeat(64)}.b` },
  { interface: "eth\u00e9", hostname: "a" },
  [],
  [{ hostname: "a" }],
  { dns: {} },
];

/** Each field is right by itself. */
const contradictory: Identity[] = [
  { address: "10.0.2.0/24" },
  { address: "10.0.2.255/24" },
  { address: "128.0.0.0/1" },
  { address: "fd00::/64" },
  { address: "ff02::1/64" },
  { address: "10.0.2.15/24", gateway: "10.0.2.15" },
  { address: "fd00::15/64", gateway: "fd00:0::15" },
  { address: ["10.0.2.15/24", "10.0.2.15/16"] },
  { gateway: ["10.0.2.2", "10.0.2.3"] },
  { gateway: "ff02::2" },
  { address: "fd00::15/64", mtu: 1000 },
];

/** Each identity is right by itself. */
const contradictoryLists: Identity[][] = [
  [{ hostname: "a" }, { mtu: 1400 }],
  [
    { interface: "eth0", mtu: 1400 },
    { interface: "eth0", address: "10.0.2.15/24" },
  ],
  [{ hostname: "a" }, { interface: "eth1", hostname: "b" }],
  [{ address: "10.0.2.15/24" }, { interface: "e", address: "10.0.2.15/24" }],
];

describe("the network identity", () => {
  for (const value of good) {
    it(`takes ${JSON.stringify(value)}`, () => {
      assert.deepEqual(v.parse(NetworkIdentity, value), value);
      assert.equal(contradictionIn(v.parse(NetworkIdentity, value)), undefined);
    });
  }
  for (const value of bad) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      assert.equal(v.safeParse(NetworkIdentity, value).success, false);
    });
  }
  for (const value of [...contradictory, ...contradictoryLists]) {
    it(`tells the contradiction in ${JSON.stringify(value)}`, () => {
      assert.deepEqual(v.parse(NetworkIdentities, value), value);
      assert.match(contradictionIn(value) ?? "", /^Cannot set the .*; give /);
    });
  }
  it("may be a list, for several interfaces", () => {
    const list = [{ address: "10.0.2.15/24" }, { interface: "e", mtu: 1400 }];
    assert.deepEqual(v.parse(NetworkIdentities, list), list);
    assert.equal(contradictionIn(list), undefined);
    assert.equal(v.safeParse(NetworkIdentities, []).success, false);
    const many = Array.from({ length: 17 }, () => ({ mtu: 1400 }));
    assert.equal(v.safeParse(NetworkIdentities, many).success, false);
  });
  it("has an error with the path to the wrong element", () => {
    const value = [{ mtu: 1400 }, { address: ["10.0.2.15/24", "x"] }];
    const { issues } = v.safeParse(NetworkIdentities, value);
    assert.equal(v.getDotPath(issues![0]), "1.address.1");
  });
});
