import assert from "node:assert/strict";
import { isIP } from "node:net";
import { describe, it, test } from "node:test";
import {
  canonicalIp,
  formatIp,
  hasPrefix,
  parseIp,
  unmapIp,
} from "../../src/linux/ip.ts";

test("agrees with node:net on what is an address", () => {
  for (
    const text of [
      "0.0.0.0",
      "255.255.255.255",
      "256.1.1.1",
      "1.2.3",
      "1.2.3.4.5",
      "01.2.3.4",
      "1.2.3.04",
      "",
      " 1.2.3.4",
      "::",
      "::1",
      "1::",
      ":1",
      "1:",
      ":::",
      "::1::",
      "1:2:3:4:5:6:7:8",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7::",
      "::2:3:4:5:6:7:8",
      "1::2:3:4:5:6:7:8",
      "::ffff:1.2.3.4",
      "::1.2.3.4:5",
      "1.2.3.4::",
      "1:2:3:4:5:6:1.2.3.4",
      "1:2:3:4:5:6:7:1.2.3.4",
      "fe80::12345",
      "FE80::abcd",
      "g::",
      "localhost",
    ]
  ) {
    const bytes = { 0: undefined, 4: 4, 6: 16 }[isIP(text)];
    assert.equal(parseIp(text)?.length, bytes, text);
  }
});

test("gives the bytes in network order", () => {
  const bytes = (text: string) => [...parseIp(text) ?? []];
  assert.deepEqual(bytes("10.0.2.15"), [10, 0, 2, 15]);
  assert.deepEqual(
    bytes("2001:db8::ff:1.2.3.4"),
    [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0xff, 1, 2, 3, 4],
  );
});

test("compares prefixes to the bit", () => {
  const same = (a: string, b: string, bits: number) =>
    hasPrefix(parseIp(a)!, parseIp(b)!, bits);
  assert.ok(same("127.9.9.9", "127.0.0.0", 8));
  assert.ok(same("10.0.2.15", "10.0.2.14", 31));
  assert.ok(!same("10.0.2.15", "10.0.2.14", 32));
  assert.ok(same("1.2.3.4", "200.0.0.0", 0));
  assert.ok(same("fe80::1", "fe80::", 64));
  assert.ok(!same("fe80:0:0:1::1", "fe80::", 64));
  assert.ok(!same("::1", "127.0.0.1", 0));
});

test("takes the IPv4 address out of a mapped one", () => {
  assert.deepEqual([...unmapIp(parseIp("::ffff:1.2.3.4")!)], [1, 2, 3, 4]);
  assert.equal(unmapIp(parseIp("::1.2.3.4")!).length, 16);
  assert.deepEqual([...unmapIp(parseIp("1.2.3.4")!)], [1, 2, 3, 4]);
});

describe("formatIp", () => {
  // [groups, RFC 5952 text]
  const cases: [number[], string][] = [
    [[0, 0, 0, 0, 0, 0, 0, 0], "::"],
    [[0, 0, 0, 0, 0, 0, 0, 1], "::1"],
    [[0xfe80, 0, 0, 0, 0, 0, 0, 0], "fe80::"],
    [[0x2001, 0xdb8, 0, 0, 1, 0, 0, 1], "2001:db8::1:0:0:1"],
    [[0x2001, 0xdb8, 0, 1, 1, 1, 1, 1], "2001:db8:0:1:1:1:1:1"],
    [[0x2001, 0, 0, 1, 0, 0, 0, 0xab], "2001:0:0:1::ab"],
    [[1, 2, 3, 4, 5, 6, 7, 0xffff], "1:2:3:4:5:6:7:ffff"],
    [[0, 0, 0, 0, 0, 0xffff, 0x7f00, 1], "127.0.0.1"],
    [[0, 0, 0, 0, 1, 0xffff, 0x7f00, 1], "::1:ffff:7f00:1"],
  ];
  for (const [groups, text] of cases) {
    it(text, () => {
      const bytes = groups.flatMap((group) => [group >> 8, group & 0xff]);
      assert.equal(formatIp(Uint8Array.from(bytes)), text);
    });
  }
});

test("canonicalIp gives one text to all texts of an address", () => {
  for (
    const [text, canonical] of [
      ["FD00:0::0021", "fd00::21"],
      ["::ffff:127.0.0.1", "127.0.0.1"],
      ["0:0:0:0:0:0:0:1", "::1"],
      ["10.0.2.15", "10.0.2.15"],
      ["localhost", "localhost"],
    ]
  ) assert.equal(canonicalIp(text), canonical);
});
