import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, describe, it } from "node:test";
import { listConnections } from "../../src/linux/connections.ts";
import { accepted, clients, dial, libc, listen, servers } from "./loopback.ts";

afterEach(() => clients.splice(0).forEach((client) => client.destroy()));
after(() => servers.splice(0).forEach((server) => server.close()));

describe("listConnections", () => {
  it("finds nothing where only a listener is", async () => {
    const port = await listen("127.0.0.1");
    assert.deepEqual(listConnections(libc, [port]), []);
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
    assert.deepEqual(listConnections({}, [80]), []);
  });
});
