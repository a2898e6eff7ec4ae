import { describe, it } from "node:test";
import assert from "node:assert/strict";
import * as v from "valibot";
import {
  contradictionIn,
  NetworkIdentity,
} from "../../src/network/identity.ts";
import type { NetworkIdentity as Identity } from "../../src/lifecycle/request.ts";

const good: unknown[] = [
  { address: "10.0.2.15/24" },
  { address: "172.16.0.2/32", gateway: "172.16.0.1" },
  { address: "172.16.0.0/31" },
  { dns: ["1.1.1.1", "2606:4700::1111"] },
  { mac: "02:AB:cd:00:00:01" },
  { hostname: "a" },
  { hostname: "fork-7.example.org" },
  { interface: "eth0", gateway: "192.168.0.1" },
];

const bad: unknown[] = [
  {},
  { interface: "eth0" },
  { interface: "../eth0", hostname: "a" },
  { interface: "sixteen-letters-", hostname: "a" },
  { address: "10.0.2.15" },
  { address: "10.0.2.15/0" },
  { address: "10.0.2.15/33" },
  { address: "10.0.2.256/24" },
  { address: "127.0.0.1/8" },
  { address: "224.0.0.1/24" },
  { address: "fd00::1/64" },
  { address: "10.0.2.15/24\n" },
  { gateway: "fd00::1" },
  { gateway: "0.0.0.0" },
  { dns: [] },
  { dns: ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"] },
  { dns: ["1.1.1.1\noptions evil"] },
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
  { address: "10.0.2.15/24", gateway: "10.0.2.15" },
];

describe("the network identity", () => {
  for (const value of good) {
    it(`takes ${JSON.stringify(value)}`, () => {
      assert.deepEqual(v.parse(NetworkIdentity, value), value);
    });
  }
  for (const value of bad) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      assert.equal(v.safeParse(NetworkIdentity, value).success, false);
    });
  }
  for (const value of contradictory) {
    it(`tells the contradiction in ${JSON.stringify(value)}`, () => {
      assert.deepEqual(v.parse(NetworkIdentity, value), value);
      assert.match(contradictionIn(value) ?? "", /^Cannot set the .*; give /);
    });
  }
  it("tells none where there is none", () => {
    for (const value of good) {
      const identity = v.parse(NetworkIdentity, value);
      assert.equal(contradictionIn(identity), undefined);
    }
  });
});
