/**
 * What steering is for: no port of the forward address is bound, so that a program of the guest can
 * bind each of them at any time.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type Libc, requireSymbol } from "../../src/linux/libc.ts";
import { inodeOf as inodeOfSocket } from "../../src/linux/connection.ts";
import { socketAddress } from "../../src/linux/socket_address.ts";
import { serverSockets } from "../../src/linux/socket_table.ts";
import { SHARED_ADDRESS } from "../../src/ports/shared_listener.ts";
import { Steering } from "../../src/ports/steering.ts";
import { realLibc } from "../support/libc.ts";
import { until } from "../support/until.ts";
import { Forwarding, refused } from "./forwarding.ts";
import {
  ask,
  dial,
  echoAfterEnd,
  FORWARD_ADDRESS,
  noIpv6,
  readText,
  TestServer,
} from "./net.ts";
import { Scanning } from "./scanning.ts";

const libc = await realLibc();
const SKIP = steeringProblem(libc);

/** Why this kernel cannot steer, for `skip`; false if it can. */
function steeringProblem(libc: Libc): string | false {
  try {
    new Steering(libc, FORWARD_ADDRESS)[Symbol.dispose]();
    return false;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Binds and listens without SO_REUSEADDR, as the strictest server; returns the descriptor or -1. */
function strictListener(host: string, port: number): number {
  const { family, bytes } = socketAddress(host, port)!;
  const fd = requireSymbol(libc, "socket")(family, 1 | 0o2000000, 0);
  const isBound = requireSymbol(libc, "bind")(fd, bytes, bytes.length) === 0;
  if (isBound && requireSymbol(libc, "listen")(fd, 16) === 0) return fd;
  close(fd);
  return -1;
}

/** The inode of a socket, by the name of its descriptor. */
function inodeOf(fd: string): string | undefined {
  return inodeOfSocket(Number(fd));
}

function close(fd: number): void {
  requireSymbol(libc, "close")(fd);
}

describe("steering", { skip: SKIP }, () => {
  let rig: Forwarding;

  beforeEach(async () => void (rig = await Forwarding.start()));
  afterEach(() => rig.end());

  it("binds no port of the forward address", async () => {
    const port = await rig.serve(echoAfterEnd);
    await rig.forward(port, "127.0.0.1");
    const fd = strictListener(FORWARD_ADDRESS, port);
    assert.notEqual(fd, -1);
    close(fd);
    assert.equal(await ask(port, "free"), "free and that was all");
  });

  it("refuses clients of all other ports, and of a port that is gone", async () => {
    const port = await rig.serve(echoAfterEnd);
    const other = await rig.serve(echoAfterEnd);
    await rig.forward(port, "127.0.0.1");
    assert.ok(await refused(other));
    await rig.forward(other, "127.0.0.1");
    await until("the first to be refused", () => refused(port));
    assert.equal(await ask(other, "here"), "here and that was all");
  });

  it("binds no port that the kernel gives out, or that servers use", async () => {
    const port = await rig.serve(echoAfterEnd);
    const targets = new Map([[port, ["127.0.0.1"]]]);
    const other = FORWARD_ADDRESS.replace(/\d+$/, (n) => `${Number(n) ^ 1}`);
    rig.forwarder.set(targets, [FORWARD_ADDRESS, other]);
    await until(
      "both addresses",
      () => rig.forwarder.entries[0]?.addresses.length === 2,
    );
    const own = new Set(readdirSync("/proc/self/fd").map(inodeOf));
    const shared = serverSockets("tcp").filter(({ address, inode }) =>
      address === SHARED_ADDRESS && own.has(inode)
    );
    assert.equal(shared.length, 2);
    for (const { port } of shared) assert.ok(port < 512, `${port}`);
  });

  it("lets a server move while a client is connected", async () => {
    const port = await rig.serve(echoAfterEnd);
    await rig.forward(port, "127.0.0.1");
    const client = await dial(port);
    client.write("stays");
    await until("the connection", () => rig.servers[0].connections === 1);
    // The listener alone: its connection stays open.
    rig.servers[0].stopListening();
    const moved = new TestServer(echoAfterEnd);
    try {
      await moved.listen("0.0.0.0", port);
    } finally {
      client.destroy();
      await moved.close();
    }
  });

  it("steers clients of an IPv6 address", { skip: noIpv6 }, async () => {
    const port = await rig.serve(echoAfterEnd);
    rig.forwarder.set(new Map([[port, ["127.0.0.1"]]]), ["::1"]);
    await until("the port", () => rig.listening(port));
    const client = await dial(port, "::1");
    client.end("six");
    assert.equal(await readText(client), "six and that was all");
  });

  it("leaves clients to a program that listens on the forward address itself", async () => {
    const port = await rig.serve(echoAfterEnd);
    const taker = new TestServer((socket) => {
      socket.resume().on("end", () => socket.end("mine"));
    });
    await taker.listen(FORWARD_ADDRESS, port);
    try {
      const targets = new Map([[port, ["127.0.0.1"]]]);
      rig.forwarder.set(targets, [FORWARD_ADDRESS], () => true);
      await until("the failure", () => rig.forwarder.ports[0]?.error);
      assert.equal(await ask(port, ""), "mine");
      rig.forwarder.set(targets, [FORWARD_ADDRESS]);
      await until("the port", () => rig.listening(port));
      assert.equal(await ask(port, ""), " and that was all");
      rig.forwarder.set(targets, [FORWARD_ADDRESS], () => true);
      await until("the failure", () => !rig.listening(port));
      assert.equal(await ask(port, ""), "mine");
    } finally {
      await taker.close();
    }
  });
});

describe("a server that moves to all addresses", { skip: SKIP }, () => {
  let rig: Scanning;

  beforeEach(async () => void (rig = await Scanning.start()));
  afterEach(() => rig.end());

  for (const all of noIpv6 ? ["0.0.0.0"] : ["0.0.0.0", "::"]) {
    it(`gets ${all} at the first try, 100 times of 100`, async () => {
      const port = await rig.listen("127.0.0.1");
      await rig.server.close();
      rig.ports.start();
      for (let round = 0; round < 100; round++) {
        let fd = strictListener("127.0.0.1", port);
        assert.notEqual(fd, -1, `loopback, round ${round}`);
        await rig.forwarded(port);
        close(fd);
        fd = strictListener(all, port);
        assert.notEqual(fd, -1, `all addresses, round ${round}`);
        close(fd);
      }
    });
  }
});
