import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { until } from "../support/until.ts";
import { ownersOf } from "../../src/linux/socket_owners.ts";
import {
  parseServerSockets,
  serverSockets,
} from "../../src/linux/socket_table.ts";

describe("the owners of sockets", () => {
  let server: Server;
  let inode: string;
  before(async () => {
    server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    inode = serverSockets("tcp").find((one) =>
      one.port === port && one.address === "127.0.0.1"
    )!.inode;
  });
  after(() => void server.close());

  it("are the processes that have one open, with their names", async () => {
    const { byInode, isComplete } = await ownersOf(new Set([inode, "1"]));
    const name = readFileSync("/proc/self/comm", "utf8").trimEnd();
    assert.deepEqual([...byInode], [[inode, [{ pid: process.pid, name }]]]);
    assert.equal(isComplete, true);
  });

  it("are not searched for if there is no socket", async () => {
    // This process may lose its CPU in between.
    await until("an answer at once", async () => {
      const start = performance.now();
      const none = { byInode: new Map(), isComplete: true };
      assert.deepEqual(await ownersOf(new Set()), none);
      return performance.now() - start < 5;
    });
  });

  it("may be missing when the time is over, which is said", async () => {
    const servers: Server[] = [];
    try {
      // Enough descriptors for several looks at the time.
      for (let i = 0; i < 2000; i++) {
        const one = createServer().listen(0, "127.0.0.1");
        servers.push(one);
      }
      await Promise.all(servers.map((one) => once(one, "listening")));
      const { isComplete } = await ownersOf(new Set([inode]), {
        limitMs: 0,
      });
      assert.equal(isComplete, false);
    } finally {
      for (const one of servers) one.close();
    }
  });
});

describe("the tables of sockets", () => {
  const LISTENS =
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41231 1 0000000000000000 100 0 0 10 0";
  const UDP =
    "  391: 00000000000000000000000001000000:0044 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 20813 2 0000000000000000 0";

  it("have the address, the port and the inode of servers", () => {
    assert.deepEqual(parseServerSockets(`sl\n${LISTENS}\n`, "tcp"), [
      { address: "127.0.0.1", port: 8080, inode: "41231" },
    ]);
    assert.deepEqual(parseServerSockets(`${UDP}\n`, "udp"), [
      { address: "::1", port: 68, inode: "20813" },
    ]);
  });

  it("have no server in a connection, and nothing in damaged lines", () => {
    const connected = LISTENS.replace("00000000:0000 0A", "0100007F:9C40 01");
    const cut = LISTENS.slice(0, 60);
    const text = [connected, cut, "", "x", UDP.replace(" 07 ", " 01 ")];
    assert.deepEqual(parseServerSockets(text.join("\n"), "tcp"), []);
    assert.deepEqual(parseServerSockets(text.join("\n"), "udp"), []);
    assert.deepEqual(parseServerSockets(UDP, "tcp"), []);
  });
});
