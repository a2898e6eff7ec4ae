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

  test("has both ends of each", async () => {
    using table = new TcpTable(await realLibc());
    const found = table.list();
    for (const port of ports) {
      assert.ok(found.some(({ localPort }) => localPort === port));
      assert.ok(found.some(({ remotePort }) => remotePort === port));
    }
  });
});
