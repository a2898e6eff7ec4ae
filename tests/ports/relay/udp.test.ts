import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, it } from "node:test";
import { Counter } from "../../../src/ports/counts.ts";
import type {
  Listening,
  RelayedConnection,
} from "../../../src/ports/listen.ts";
import { listen, type UdpLimits } from "../../../src/ports/relay/udp.ts";
import { until } from "../../support/until.ts";
import { FORWARD_ADDRESS, noIpv6 } from "../net.ts";

const LIMITS: UdpLimits = { idleMs: 60_000, mostMappings: 8 };

describe("the UDP relay", () => {
  const sockets: Socket[] = [];
  const open = new Set<RelayedConnection>();
  let listener: Listening | undefined;
  afterEach(() => {
    listener?.close();
    listener = undefined;
    for (const socket of sockets.splice(0)) socket.close();
    assert.equal(open.size, 0, "every mapping has ended");
  });

  /** A server that answers each datagram with the port of its sender. */
  async function serve(host = "127.0.0.1"): Promise<number> {
    const server = await bound(host);
    server.on("message", (bytes, { port, address }) => {
      server.send(`${bytes} from ${port}`, port, address);
    });
    return server.address().port;
  }

  async function bound(host: string): Promise<Socket> {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    sockets.push(socket);
    socket.bind({ address: host, port: 0 });
    await once(socket, "listening");
    return socket;
  }

  async function forward(
    port: number,
    limits: UdpLimits = LIMITS,
    target = "127.0.0.1",
    address = FORWARD_ADDRESS,
  ): Promise<Counter> {
    const counter = new Counter();
    listener = await listen({
      ...{ address, port, counter },
      targets: () => [target],
      proxyProtocol: () => false,
      isFull: () => false,
      onConnection: (connection) => {
        counter.begin();
        open.add(connection);
      },
      onEnd: (connection) => {
        counter.end();
        open.delete(connection);
      },
    }, limits);
    return counter;
  }

  async function ask(
    client: Socket,
    port: number,
    text: string,
    host = FORWARD_ADDRESS,
  ): Promise<string> {
    const replied = once(client, "message");
    client.send(text, port, host);
    const [bytes, from] = await replied;
    assert.deepEqual([from.address, from.port], [host, port]);
    return String(bytes);
  }

  it("gives each client a port of its own, and keeps it", async () => {
    const port = await serve();
    const counter = await forward(port);
    const [one, two] = [await bound("127.0.0.1"), await bound("127.0.0.1")];
    const first = await ask(one, port, "a");
    const other = await ask(two, port, "a");
    assert.match(first, /^a from \d+$/);
    assert.notEqual(first, other);
    assert.equal(await ask(one, port, "a"), first);
    const { connections, bytesIn, bytesOut } = counter.now;
    assert.deepEqual([connections, open.size, bytesIn], [2, 2, 3]);
    assert.equal(bytesOut, 2 * first.length + other.length);
  });

  it("sends everything that arrives before the socket is connected, in order", async () => {
    const server = await bound("127.0.0.1");
    const received: string[] = [];
    server.on("message", (bytes) => received.push(String(bytes)));
    const { port } = server.address();
    await forward(port);
    const client = await bound("127.0.0.1");
    const sent = Array.from({ length: 20 }, (_, i) => String(i));
    for (const text of sent) client.send(text, port, FORWARD_ADDRESS);
    await until("all of them", () => received.length === sent.length);
    assert.deepEqual(received, sent);
  });

  it("keeps no datagrams for a socket that cannot be connected", {
    skip: "Deno" in globalThis && "Deno's node:dgram asks no kernel for it",
  }, async () => {
    const { port } = (await bound("127.0.0.1")).address();
    // The kernel refuses it (EACCES), as it refuses a socket when no descriptor is free.
    const counter = await forward(port, LIMITS, "255.255.255.255");
    const client = await bound("127.0.0.1");
    client.send("lost", port, FORWARD_ADDRESS);
    await until(
      "the end of its mapping",
      () => counter.now.connections === 1 && open.size === 0,
    );
  });

  it("ends a mapping without datagrams, and only such a one", async () => {
    const port = await serve();
    await forward(port, { ...LIMITS, idleMs: 500 });
    const [busy, idle] = [await bound("127.0.0.1"), await bound("127.0.0.1")];
    const first = await ask(busy, port, "a");
    await ask(idle, port, "a");
    assert.equal(open.size, 2);
    await until("the idle one to end", async () => {
      assert.equal(await ask(busy, port, "a"), first);
      return open.size === 1;
    });
    await until("the other one to end", () => open.size === 0);
    assert.match(await ask(idle, port, "b"), /^b from/);
  });

  it("has a limit on mappings, and room again when one ends", async () => {
    const port = await serve();
    await forward(port, { idleMs: 100, mostMappings: 1 });
    const [one, two] = [await bound("127.0.0.1"), await bound("127.0.0.1")];
    await ask(one, port, "a");
    let replies = 0;
    two.on("message", () => replies++);
    two.send("lost", port, FORWARD_ADDRESS);
    assert.match(await ask(one, port, "a"), /^a from/);
    assert.deepEqual([open.size, replies], [1, 0]);
    await until("the mapping to end", () => open.size === 0);
    assert.match(await ask(two, port, "b"), /^b from/);
  });

  it("takes no datagram of another sender than the server", async () => {
    const server = await bound("127.0.0.1");
    const { port } = server.address();
    await forward(port);
    const client = await bound("127.0.0.1");
    const received: string[] = [];
    client.on("message", (bytes) => received.push(String(bytes)));
    client.send("hello", port, FORWARD_ADDRESS);
    const [, mapping] = await once(server, "message");
    const stranger = await bound("127.0.0.1");
    stranger.send("forged", mapping.port, "127.0.0.1");
    server.send("true", mapping.port, "127.0.0.1");
    await until("a reply", () => received.length > 0);
    assert.deepEqual(received, ["true"]);
  });

  it("goes on when the server is away for a while", async () => {
    const gone = await bound("127.0.0.1");
    const { port } = gone.address();
    sockets.splice(sockets.indexOf(gone), 1);
    gone.close();
    await forward(port);
    const client = await bound("127.0.0.1");
    client.on("error", () => {});
    client.send("lost", port, FORWARD_ADDRESS);
    await until("the mapping", () => open.size === 1);
    const server = createSocket("udp4");
    sockets.push(server);
    server.on("message", (bytes, { port, address }) => {
      server.send(`got ${bytes}`, port, address);
    });
    server.bind({ address: "127.0.0.1", port });
    await once(server, "listening");
    assert.equal(await ask(client, port, "again"), "got again");
  });

  it("rejects if the address is taken", async () => {
    const taker = await bound(FORWARD_ADDRESS);
    await assert.rejects(forward(taker.address().port), { code: "EADDRINUSE" });
  });

  it(
    "forwards from IPv6 to IPv4, and the other way",
    { skip: noIpv6 },
    async () => {
      const port = await serve();
      await forward(port, LIMITS, "127.0.0.1", "::1");
      assert.match(
        await ask(await bound("::1"), port, "six", "::1"),
        /^six from/,
      );
      listener?.close();
      const other = await serve("::1");
      await forward(other, LIMITS, "::1");
      assert.match(await ask(await bound("127.0.0.1"), other, "four"), /^four/);
    },
  );
});
