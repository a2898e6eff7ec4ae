import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { after, before, describe, test } from "node:test";
import { TcpTable } from "../../src/linux/sock_diag.ts";
import { realLibc } from "../support/libc.ts";

describe("the kernel's table of TCP connections", () => {
  const sockets: net.Socket[] = [];
  const servers: net.Server[] = [];
  const ports: number[] = [];

  before(async () => {
    for (const host of ["127.0.0.1", "127.0.0.1", "::1", "127.0.0.1"]) {
      const server = net.createServer((socket) => sockets.push(socket));
      servers.push(server);
      // On all addresses, so that no port of theirs is anybody else's.
      await once(server.listen(0, "::"), "listening");
      const { port } = server.address() as net.AddressInfo;
      ports.push(port);
      const client = net.connect({ host, port });
      sockets.push(client);
      await Promise.all([once(client, "connect"), once(server, "connection")]);
    }
  });
  after(() => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers) server.close();
  });

  /** Which of the servers' ends are listed, and of the clients'. */
  async function listed(without?: readonly number[]) {
    using table = new TcpTable(await realLibc(), without);
    const found = table.list();
    const has = (key: "localPort" | "remotePort") =>
      ports.map((port) => found.some((one) => one[key] === port));
    return { servers: has("localPort"), clients: has("remotePort") };
  }

  test("has both ends of each", async () => {
    const all = [true, true, true, true];
    assert.deepEqual(await listed(), { servers: all, clients: all });
  });

  test("has them without those of some local ports", async () => {
    const clients = [true, true, true, true];
    for (let count = 1; count <= ports.length; count++) {
      const servers = ports.map((_, i) => i >= count);
      const without = ports.slice(0, count);
      assert.deepEqual(await listed(without), { servers, clients });
      const backwards = without.toReversed();
      assert.deepEqual(await listed(backwards), { servers, clients });
    }
  });

  test("has all where nobody has such a port", async () => {
    const all = [true, true, true, true];
    const taken = sockets.map(({ localPort }) => localPort);
    const others = ports.flatMap((port) => [port - 1, port + 1])
      .filter((port) => !taken.includes(port));
    for (const without of [[1], [65_535], [1, 65_535], others]) {
      assert.deepEqual(await listed(without), { servers: all, clients: all });
    }
  });
});
