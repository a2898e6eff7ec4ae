import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import {
  shutdownConnection,
  tcpInfo,
  unacknowledgedBytes,
} from "../../src/linux/connection.ts";
import { listConnections } from "../../src/linux/connections.ts";
import { type Libc, loadLibc } from "../../src/linux/libc.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { until } from "../support/until.ts";

let libc: Libc;
const servers: Server[] = [];
const clients: Socket[] = [];
before(async () => {
  libc = loadLibc(await loadRuntime());
});
afterEach(() => clients.splice(0).forEach((client) => client.destroy()));
after(() => servers.forEach((server) => server.close()));

/** A server that accepts, echoes and keeps its end open. */
async function listen(host: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

async function dial(port: number, host: string): Promise<Socket> {
  const client = connect(port, host);
  clients.push(client);
  client.on("error", () => {});
  client.resume();
  await new Promise((resolve) => client.once("connect", resolve));
  return client;
}

async function accepted(port: number, count: number) {
  await until(
    `${count} connections`,
    () => listConnections(libc, port).length === count,
  );
  return listConnections(libc, port);
}

describe("listConnections", () => {
  it("finds nothing where only a listener is", async () => {
    const port = await listen("127.0.0.1");
    assert.deepEqual(listConnections(libc, port), []);
  });

  it("finds exactly the accepted ends, with their peers", async () => {
    const port = await listen("127.0.0.1");
    const other = await listen("127.0.0.1");
    const expected = [
      await dial(port, "127.0.0.1"),
      await dial(port, "127.0.0.1"),
    ].map(({ localPort }) => ({ address: "127.0.0.1", port: localPort! }));
    await dial(other, "127.0.0.1");
    const found = await accepted(port, 2);
    const byPort = (a: { port: number }, b: { port: number }) =>
      a.port - b.port;
    assert.deepEqual(
      found.map(({ peer }) => peer).sort(byPort),
      expected.sort(byPort),
    );
    for (const { fd, inode } of found) {
      assert.ok(fd > 2, `${fd}`);
      assert.match(inode, /^\d+$/);
    }
    assert.equal(new Set(found.map(({ inode }) => inode)).size, 2);
  });

  it("names IPv4 peers of an IPv6 socket as IPv4, others as IPv6", async () => {
    const port = await listen("::");
    await dial(port, "127.0.0.1");
    await dial(port, "::1");
    const found = await accepted(port, 2);
    const addresses = found.map(({ peer }) => peer.address).sort();
    assert.deepEqual(addresses, ["127.0.0.1", "::1"]);
  });

  it("forgets a connection once it is over", async () => {
    const port = await listen("127.0.0.1");
    const client = await dial(port, "127.0.0.1");
    await accepted(port, 1);
    client.destroy();
    assert.deepEqual(await accepted(port, 0), []);
  });

  it("is not disturbed by unix sockets", async () => {
    const directory = mkdtempSync(join(tmpdir(), "lull-connections-"));
    const path = join(directory, "socket");
    const server = createServer();
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const port = await listen("127.0.0.1");
    await dial(port, "127.0.0.1");
    assert.equal((await accepted(port, 1)).length, 1);
    rmSync(directory, { recursive: true, force: true });
  });

  it("finds none where there is no libc", () => {
    assert.deepEqual(listConnections({}, 80), []);
  });
});

describe("shutdownConnection", () => {
  it("ends the connection on both sides, and only that one", async () => {
    const port = await listen("127.0.0.1");
    const first = await dial(port, "127.0.0.1");
    const second = await dial(port, "127.0.0.1");
    const found = await accepted(port, 2);
    const victim = found.find(({ peer }) => peer.port === first.localPort)!;
    assert.equal(shutdownConnection(libc, victim), true);
    await until("the client's end", () => first.closed);
    // the runtime closes its descriptor itself
    const left = await accepted(port, 1);
    assert.equal(left[0].peer.port, second.localPort);
    assert.equal(second.closed, false);
    assert.equal(shutdownConnection(libc, victim), false);
  });

  it("leaves a later connection on the same descriptor alone", async () => {
    const port = await listen("127.0.0.1");
    const client = await dial(port, "127.0.0.1");
    const [found] = await accepted(port, 1);
    const former = { ...found, inode: "1" };
    assert.equal(shutdownConnection(libc, former), false);
    let echoed = "";
    client.on("data", (data: Uint8Array) => echoed += data);
    client.write("still here");
    await until("the echo", () => echoed === "still here");
  });

  it("tells why the kernel refused", async () => {
    const port = await listen("127.0.0.1");
    await dial(port, "127.0.0.1");
    const [found] = await accepted(port, 1);
    const refusing: Libc = {
      ...libc,
      shutdown: () => -1,
      errno: () => constants.errno.EPERM,
    };
    assert.throws(() => shutdownConnection(refusing, found), {
      message: `Cannot shutdown connection of 127.0.0.1 port ` +
        `${found.peer.port} (fd ${found.fd}): EPERM`,
    });
  });
});

describe("unacknowledgedBytes", () => {
  it("is 0 once the client has everything", async () => {
    const port = await listen("127.0.0.1");
    const client = await dial(port, "127.0.0.1");
    client.write("hello");
    await until("the echo", () => client.bytesRead === 5);
    const [found] = await accepted(port, 1);
    assert.equal(unacknowledgedBytes(libc, found), 0);
  });

  it("counts what a client does not read", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.write(new Uint8Array(16 * 1024 * 1024));
    });
    servers.push(server);
    await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
    const { port } = server.address() as AddressInfo;
    const client = await dial(port, "127.0.0.1");
    client.pause();
    const [found] = await accepted(port, 1);
    const waiting = await until(
      "a full send buffer",
      () => unacknowledgedBytes(libc, found),
    );
    assert.ok(waiting! > 0);
  });

  it("is undefined once the connection is over, an error when it is not", async () => {
    const port = await listen("127.0.0.1");
    await dial(port, "127.0.0.1");
    const [found] = await accepted(port, 1);
    const over = { ...found, inode: "1" };
    assert.equal(unacknowledgedBytes(libc, over), undefined);
    const refusing: Libc = {
      ...libc,
      ioctl: () => -1,
      errno: () => constants.errno.ENOTTY,
    };
    assert.throws(
      () => unacknowledgedBytes(refusing, found),
      /Cannot ioctl SIOCOUTQ connection of 127\.0\.0\.1 .*: ENOTTY/,
    );
  });
});

describe("tcpInfo", () => {
  it("counts the bytes of both directions", async () => {
    const port = await listen("127.0.0.1");
    const client = await dial(port, "127.0.0.1");
    const [silent] = await accepted(port, 1);
    assert.equal(tcpInfo(libc, silent)?.bytesReceived, 0);
    client.write("0123456789");
    await until("the echo", () => client.bytesRead === 10);
    const [found] = await accepted(port, 1);
    const info = await until("the acknowledgement", () => {
      const read = tcpInfo(libc, found);
      return read?.bytesAcked === 10 ? read : undefined;
    });
    assert.equal(info?.state, 1);
    assert.equal(info?.bytesReceived, 10);
    assert.equal(info?.bytesSent, 10);
    assert.ok(info!.lastDataReceivedMs < 5000);
  });

  it("is undefined once the connection is over, an error when it is not", async () => {
    const port = await listen("127.0.0.1");
    await dial(port, "127.0.0.1");
    const [found] = await accepted(port, 1);
    assert.equal(tcpInfo(libc, { ...found, inode: "1" }), undefined);
    assert.equal(tcpInfo(libc, { ...found, fd: 9_999_999 }), undefined);
    const refusing: Libc = {
      ...libc,
      getsockopt: () => -1,
      errno: () => constants.errno.EOPNOTSUPP,
    };
    assert.throws(
      () => tcpInfo(refusing, found),
      /Cannot getsockopt TCP_INFO connection of 127\.0\.0\.1 .*: (ENOTSUP|EOPNOTSUPP)/,
    );
  });
});
