import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { after, afterEach, describe, it } from "node:test";
import { Finder, type FinderOptions } from "../../src/ports/finder.ts";
import { UnixSockets } from "../../src/ports/unix_sockets.ts";
import { temporary } from "../support/hooks.ts";
import { FORWARD_ADDRESS, noIpv6, RecordedLog } from "./net.ts";

function finder(options: Partial<FinderOptions>): Finder {
  return new Finder({
    forwardAddresses: [FORWARD_ADDRESS],
    ownPorts: () => [],
    log: new RecordedLog(),
    scanner: { scan: () => new Map([[80, ["127.0.0.1"]]]), close() {} },
    ...options,
  });
}

describe("what is found of UDP", () => {
  const sockets: Socket[] = [];
  afterEach(() => sockets.splice(0).forEach((socket) => socket.close()));

  async function bound(address: string, port = 0): Promise<Socket> {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    sockets.push(socket);
    socket.bind({ address, port });
    await once(socket, "listening");
    return socket;
  }
  const portOf = (socket: Socket) => socket.address().port;

  it("is nothing if it is not turned on", async () => {
    const port = portOf(await bound("127.0.0.1"));
    const rules = { include: [String(port)], exclude: [] };
    assert.equal((await finder({ rules }).find()).udp.size, 0);
  });

  it("are sockets on loopback without a peer, whose port a program chose", async () => {
    // Outside of the kernel's own range, ip(7).
    const chosen = await boundOutsideOfTheRange();
    const ephemeral = portOf(await bound("127.0.0.1"));
    const { udp } = await finder({ forwardUdp: true }).find();
    assert.deepEqual(udp.get(chosen), ["127.0.0.1"]);
    assert.equal(udp.has(ephemeral), false, "probably that of a client");
  });

  async function boundOutsideOfTheRange(): Promise<number> {
    for (let port = 20_000; port < 20_100; port++) {
      try {
        return portOf(await bound("127.0.0.1", port));
      } catch {
        sockets.pop();
      }
    }
    assert.fail("no port is free");
  }

  it("are those of the kernel's choice, too, if the rules name them", async () => {
    const port = portOf(await bound("127.0.0.1"));
    const everywhere = portOf(await bound("0.0.0.0"));
    const own = portOf(await bound(FORWARD_ADDRESS));
    const include = [port, everywhere, own].map(String);
    const rules = { include, exclude: [] };
    const { udp } = await finder({ forwardUdp: true, rules }).find();
    assert.deepEqual([...udp], [[port, ["127.0.0.1"]]]);
    const none = { include, exclude: [String(port)] };
    const excluded = await finder({ forwardUdp: true, rules: none }).find();
    assert.equal(excluded.udp.size, 0);
  });

  it("has IPv4 first", { skip: noIpv6 }, async () => {
    const port = portOf(await bound("::1"));
    await bound("127.0.0.1", port);
    const rules = { include: [String(port)], exclude: [] };
    const { udp } = await finder({ forwardUdp: true, rules }).find();
    assert.deepEqual(udp.get(port), ["127.0.0.1", "::1"]);
  });
});

describe("what is found of unix sockets", () => {
  const directory = temporary();
  const path = `${directory.path}/app.sock`;
  const servers: Server[] = [];
  afterEach(() => servers.splice(0).forEach((server) => server.close()));
  after(directory.remove);

  it("appears when a program listens, and goes with it", async () => {
    const found = finder({ forwardUnix: [`${path}=80`, `${path}2=81`] });
    assert.deepEqual([...(await found.find()).tcp], [[80, ["127.0.0.1"]]]);
    const server = createServer();
    servers.push(server);
    server.listen(path);
    await once(server, "listening");
    assert.deepEqual([...(await found.find()).tcp], [[80, [`unix:${path}`]]]);
    server.close();
    await once(server, "close");
    assert.deepEqual([...(await found.find()).tcp], [[80, ["127.0.0.1"]]]);
  });

  it("does not depend on the rules, because it is named", async () => {
    const server = createServer();
    servers.push(server);
    server.listen(path);
    await once(server, "listening");
    const found = finder({
      forwardUnix: [`${path}=80`],
      rules: { include: ["1"], exclude: ["80"] },
    });
    assert.deepEqual([...(await found.find()).tcp], [[80, [`unix:${path}`]]]);
  });

  it("is not looked at where a filesystem may not answer, and this is logged once", () => {
    const log = new RecordedLog();
    const table = (inode: number) =>
      "Num       RefCount Protocol Flags    Type St Inode Path\n" +
      `0000000000000000: 00000002 00000000 00010000 0001 01 ${inode} /proc/1/root/a.sock\n` +
      "0000000000000000: 00000002 00000000 00000000 0002 01 77 /run/datagram\n" +
      "0000000000000000: 00000003 00000000 00000000 0001 03 78 /run/connected\n" +
      "0000000000000000: 00000002 00000000 00010000 0001 01 79 @abstract\n";
    let inode = 70;
    const sockets = new UnixSockets({
      log,
      table: () => table(inode),
      sockets: [
        ...["/proc/1/root/a.sock=80", "/run/datagram=81"],
        ...["/run/connected=82", "/run/@abstract=83"],
      ],
    });
    assert.equal(sockets.find().size, 0);
    assert.equal(sockets.find().size, 0);
    const line =
      "warn Cannot forward /proc/1/root/a.sock: /proc is of type proc and may not answer";
    assert.deepEqual(log.lines, [line]);
    inode = 71;
    assert.equal(sockets.find().size, 0);
    assert.deepEqual(log.lines, [line, line]);
  });
});
