import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import { constants } from "node:os";
import { after, afterEach, describe, it } from "node:test";
import {
  shutdownConnection,
  tcpInfo,
  unacknowledgedBytes,
} from "../../src/linux/connection.ts";
import type { Libc } from "../../src/linux/libc.ts";
import { until } from "../support/until.ts";
import { accepted, clients, dial, libc, listen, servers } from "./loopback.ts";

afterEach(() => clients.splice(0).forEach((client) => client.destroy()));
after(() => servers.splice(0).forEach((server) => server.close()));

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
    assert.equal(info?.bytesReceived, 10);
    assert.ok(info!.lastDataReceivedMs! < 5000);
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
