import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { describe, test } from "node:test";
import { formatIp } from "../../src/linux/ip.ts";
import {
  isLocalAddress,
  localAddresses,
  parseFibTrie,
  parseIpv6Route,
  type Range,
} from "../../src/linux/local_addresses.ts";
import { realLibc } from "../support/libc.ts";

const FIB_TRIE = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.0.2.0/24 2 0 2
        |-- 10.0.2.0
           /24 link UNICAST
        |-- 10.0.2.15
           /32 host LOCAL
        |-- 10.0.2.255
           /32 link BROADCAST
Local:
     |-- 10.9.0.0
        /16 host LOCAL
`;
const NONE = "0".repeat(32);
const IPV6_ROUTE = [
  `fd000000000000000000000000000000 40 ${NONE} 00 ${NONE} 00000100 00000001 00000000 00000001     eth0`,
  `fd000000000000000000000000000002 80 ${NONE} 00 ${NONE} 00000000 00000003 00000000 80200001     eth0`,
  "",
].join("\n");

function given(fibTrie?: string, ipv6Route?: string) {
  return localAddresses((path) => {
    const text = path.endsWith("fib_trie") ? fibTrie : ipv6Route;
    if (text === undefined) throw new Error("no such table");
    return text;
  });
}

test("local routes are read, others are not", () => {
  const described = (ranges: Range[]) =>
    ranges.map(({ prefix, bits }) => `${formatIp(prefix)}/${bits}`);
  assert.deepEqual(described(parseFibTrie(FIB_TRIE)), [
    "10.0.2.15/32",
    "10.9.0.0/16",
  ]);
  assert.deepEqual(described(parseIpv6Route(IPV6_ROUTE)), ["fd00::2/128"]);
});

describe("an address is local", () => {
  const local = given(FIB_TRIE, IPV6_ROUTE);
  for (
    const [address, expected] of [
      ["10.0.2.15", true],
      ["10.0.2.2", false],
      ["10.9.200.1", true],
      ["127.0.0.1", true],
      ["127.200.0.9", true],
      ["::1", true],
      ["fd00::2", true],
      ["fd00:0:0::0002", true],
      ["fd00::2%eth0", true],
      ["fd00::3", false],
      ["::ffff:10.0.2.15", true],
      ["::ffff:a00:20f", true],
      ["::ffff:10.0.2.2", false],
      ["", true],
      ["somewhere", true],
    ] as const
  ) {
    test(`${JSON.stringify(address)}: ${expected}`, () => {
      assert.equal(local.has(address), expected);
    });
  }
});

test("without the kernel's tables, the addresses of node:os are local", () => {
  const own = Object.values(networkInterfaces()).flat();
  const local = given();
  for (const one of own) assert.ok(local.has(one!.address), one!.address);
  assert.equal(local.has("203.0.113.77"), false);
});

test("this machine's own addresses are local, as the kernel has them", () => {
  const local = localAddresses();
  for (const one of Object.values(networkInterfaces()).flat()) {
    assert.ok(local.has(one!.address), one!.address);
  }
  assert.equal(local.has("203.0.113.77"), false);
});

describe("the kernel, asked for one address,", () => {
  /** Would be wrong in every case. */
  const tables = () => ({ has: () => assert.fail("the tables were read") });

  test("says of this machine's own that they are", async () => {
    const libc = await realLibc();
    const own = Object.values(networkInterfaces()).flat()
      .map((one) => one!.address)
      .filter((address) => !address.startsWith("fe80"));
    const more = ["127.0.0.1", "127.200.0.9", "::ffff:127.0.0.1", ""];
    for (const address of [...own, ...more]) {
      assert.ok(isLocalAddress(libc, address, tables), address);
    }
  });

  test("says of others that they are not", async () => {
    const libc = await realLibc();
    for (
      const address of ["203.0.113.77", "::ffff:203.0.113.77", "2001:db8::7"]
    ) {
      assert.equal(isLocalAddress(libc, address), false, address);
    }
  });

  test("is not asked for link-local addresses, nor without a libc", async () => {
    const asked: string[] = [];
    const noting = () => ({
      has: (address: string) => asked.push(address) > 0,
    });
    assert.ok(isLocalAddress(await realLibc(), "fe80::1%eth0", noting));
    assert.ok(isLocalAddress({}, "203.0.113.77", noting));
    assert.deepEqual(asked, ["fe80::1%eth0", "203.0.113.77"]);
  });

  test("may refuse: then its tables are read", () => {
    const refusing = {
      socket: () => -1,
      errno: () => 24,
    };
    assert.equal(isLocalAddress(refusing, "203.0.113.77"), false);
    assert.ok(isLocalAddress(refusing, "127.0.0.1"));
  });
});
