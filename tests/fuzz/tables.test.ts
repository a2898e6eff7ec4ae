import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseListen } from "../../src/config/address.ts";
import { formatIp, parseIp, unmapIp } from "../../src/linux/ip.ts";
import { isFromKernel } from "../../src/linux/kmsg.ts";
import {
  localAddresses,
  parseFibTrie,
  parseIpv6Route,
} from "../../src/linux/local_addresses.ts";
import { parseServerSockets } from "../../src/linux/socket_table.ts";
import { listeningPaths } from "../../src/linux/unix_table.ts";
import { parseMountinfo } from "../../src/linux/mountinfo.ts";
import { parseListening } from "../../src/ports/proc_net.ts";
import { anyText, damaged } from "./arbitraries.ts";

const TCP =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
  "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 5165893 1 0 100 0 0 10 0\n";

function hex(number: number, width: number): string {
  return number.toString(16).toUpperCase().padStart(width, "0");
}

/** Bytes as the kernel of a little-endian machine prints them. */
function words(bytes: readonly number[]): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4) {
    const word = bytes.slice(at, at + 4).toReversed();
    text += word.map((byte) => hex(byte, 2)).join("");
  }
  return text;
}

const byte = fc.nat(255);
const v4 = fc.array(byte, { minLength: 4, maxLength: 4 });
const v6 = fc.array(fc.oneof(fc.constant(0), byte), {
  minLength: 16,
  maxLength: 16,
});

describe("the table of TCP sockets", () => {
  test("whatever it holds, reading it fails on nothing", () => {
    fc.assert(fc.property(fc.oneof(anyText, damaged(TCP)), (text) => {
      for (const { port, address } of parseListening(text)) {
        assert.ok(port >= 0 && port <= 65_535);
        assert.ok(address.length > 0);
      }
      for (const protocol of ["tcp", "udp"] as const) {
        for (const socket of parseServerSockets(text, protocol)) {
          assert.ok(socket.port >= 0 && socket.port <= 65_535);
          assert.match(socket.inode, /^\d+$/);
        }
      }
    }));
  });

  test("both readers find the same servers", () => {
    fc.assert(fc.property(damaged(TCP), (text) => {
      const found = parseServerSockets(text, "tcp")
        .map(({ address, port }) => ({ address, port }));
      const listening = parseListening(text);
      // A damaged line may have no inode.
      for (const one of found) {
        assert.ok(
          listening.some((other) =>
            other.address === one.address && other.port === one.port
          ),
        );
      }
    }));
    assert.equal(parseServerSockets(TCP, "tcp")[0].inode, "5165893");
  });

  test("what listens is found, whatever is around it", () => {
    const socket = fc.record({
      bytes: fc.oneof(v4, v6),
      port: fc.nat(65_535),
      inode: fc.nat(),
      listens: fc.boolean(),
    });
    fc.assert(fc.property(fc.array(socket), (sockets) => {
      const text = sockets.map(({ bytes, port, inode, listens }, i) => {
        const none = "0".repeat(bytes.length * 2);
        return `${String(i).padStart(4)}: ${words(bytes)}:${hex(port, 4)} ` +
          `${none}:${listens ? "0000" : "1F90"} ${listens ? "0A" : "01"} ` +
          `00000000:00000000 00:00000000 00000000     0        0 ${inode} 1`;
      }).join("\n");
      const found = parseListening(`header\n${text}\n`);
      const expected = sockets.filter(({ listens }) => listens);
      assert.deepEqual(
        found.map(({ port }) => port),
        expected.map(({ port }) => port),
      );
      found.forEach(({ address }, i) => {
        const bytes = Uint8Array.from(expected[i].bytes);
        assert.deepEqual(parseIp(address), unmapIp(bytes));
      });
    }));
  });
});

describe("an IPv6 address", () => {
  test("is written as URLs write it", () => {
    fc.assert(fc.property(v6, (bytes) => {
      const text = formatIp(Uint8Array.from(bytes));
      if (!text.includes(":")) return; // IPv4 in IPv6 clothes
      assert.equal(new URL(`http://[${text}]`).hostname, `[${text}]`);
    }));
  });
});

describe("mountinfo", () => {
  test("reads, or fails in words", () => {
    const line = "36 35 98:0 /mnt1 /mnt2 rw,noatime m:1 - ext3 /dev/root rw\n";
    fc.assert(fc.property(fc.oneof(anyText, damaged(line)), (text) => {
      try {
        for (const mount of parseMountinfo(text)) {
          assert.equal(typeof mount.mountPoint, "string");
          assert.equal(typeof mount.writable, "boolean");
        }
      } catch (error) {
        assert.match(String(error), /Cannot read mountinfo/);
      }
    }));
  });

  test("any name of a mount point comes out as it is", () => {
    const name = fc.string({ unit: "binary" }).filter((text) =>
      !text.includes("\0")
    );
    fc.assert(fc.property(name, (name) => {
      const escaped = name.replace(
        /[ \t\n\\]/g,
        (one) => `\\${one.charCodeAt(0).toString(8).padStart(3, "0")}`,
      );
      const line = `1 2 8:1 / /${escaped} rw - ext4 /dev/vda rw`;
      const text = new TextDecoder().decode(new TextEncoder().encode(name));
      assert.equal(parseMountinfo(`${line}\n`)[0].mountPoint, `/${text}`);
    }));
  });
});

describe("a record of the kernel's log", () => {
  const encode = (text: string) => new TextEncoder().encode(text);
  const is = (message: string, record: string) => {
    const bytes = encode(record);
    return isFromKernel(message, bytes, bytes.length);
  };

  test("is a message only if it holds that message, whatever it holds", () => {
    const message = "random: a; b";
    const record = `5,344,1283562,-;${message}\n SUBSYSTEM=x\n`;
    assert.ok(is(message, record));
    fc.assert(fc.property(fc.oneof(anyText, damaged(record)), (text) => {
      if (is(message, text)) {
        assert.match(text, /^[0-7],?[^;]*;random: a; b(\n|$)/);
      }
    }));
  });

  test("only the kernel has facility 0", () => {
    fc.assert(fc.property(fc.nat(1023), fc.string(), (priority, text) => {
      const record = `${priority},1,2,-;${text}\n`;
      const message = text.split("\n", 1)[0];
      assert.equal(is(message, record), priority < 8);
    }));
  });
});

describe("the tables of local addresses", () => {
  test("whatever they hold, reading them fails on nothing", () => {
    const trie = "     |-- 10.0.2.15\n        /32 host LOCAL\n";
    const none = "0".repeat(32);
    const route =
      `${none} 80 ${none} 00 ${none} 00000000 00000003 00000000 80200001 lo\n`;
    const text = fc.oneof(anyText, damaged(trie), damaged(route));
    fc.assert(fc.property(text, anyText, (text, address) => {
      parseFibTrie(text);
      parseIpv6Route(text);
      const local = localAddresses(() => text);
      assert.equal(typeof local.has(address), "boolean");
      assert.ok(local.has("127.0.0.1"));
      assert.ok(local.has("::1"));
    }));
  });

  test("every spelling of a local address is local", () => {
    fc.assert(fc.property(v4, (bytes) => {
      const address = bytes.join(".");
      const trie = `  |-- ${address}\n     /32 host LOCAL\n`;
      const local = localAddresses((path) =>
        path.endsWith("fib_trie") ? trie : ""
      );
      const [a, b, c, d] = bytes;
      const spellings = [
        address,
        `::ffff:${address}`,
        `::FFFF:${address}`,
        `0:0:0:0:0:ffff:${address}`,
        `::ffff:${(a << 8 | b).toString(16)}:${(c << 8 | d).toString(16)}`,
      ];
      for (const spelling of spellings) {
        assert.ok(local.has(spelling), spelling);
      }
      const other = [a, b, c, d ^ 1].join(".");
      if (a !== 127) assert.ok(!local.has(other), other);
    }));
  });
});

describe("an address to listen on", () => {
  test("is none, or can be listened on", () => {
    const written = fc.oneof(
      anyText,
      damaged("127.0.0.1:49983"),
      fc.nat(200_000).map((port) => `127.0.0.1:${port}`),
      damaged("[::1]:49983"),
      damaged("unix:/run/lull.sock"),
      damaged("vsock:49983"),
    );
    fc.assert(fc.property(written, (text) => {
      const at = parseListen(text);
      if (at === undefined) return;
      if ("path" in at) return assert.ok(at.path.startsWith("/"));
      if ("vsockPort" in at) {
        const { vsockPort } = at;
        return assert.ok(vsockPort > 0 && vsockPort < 2 ** 32 - 1);
      }
      assert.ok(at.host.length > 0);
      assert.ok(Number.isInteger(at.port) && at.port >= 0 && at.port <= 65_535);
    }));
  });
});

const UNIX = "Num       RefCount Protocol Flags    Type St Inode Path\n" +
  "ffff8881: 00000002 00000000 00010000 0001 01 21 /run/app.sock\n";

test("reading the table of unix sockets fails on nothing", () => {
  assert.deepEqual([...listeningPaths(UNIX)], [["/run/app.sock", "21"]]);
  fc.assert(fc.property(fc.oneof(anyText, damaged(UNIX)), (text) => {
    for (const [path, inode] of listeningPaths(text)) {
      assert.match(path, /^\//);
      assert.match(inode, /^\d+$/);
    }
  }));
});
