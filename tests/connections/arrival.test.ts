import assert from "node:assert/strict";
import net from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  type Finding,
  isArriving,
  lookAt,
} from "../../src/connections/arrival.ts";
import { listConnections } from "../../src/linux/connections.ts";
import { temporary } from "../support/hooks.ts";
import { realLibc } from "../support/libc.ts";
import { until } from "../support/until.ts";

/** Both ends of a connection, and what the server's end has read. */
async function connected(path?: string) {
  const libc = await realLibc();
  const server = net.createServer();
  const where = path === undefined ? { port: 0, host: "127.0.0.1" } : { path };
  await new Promise<void>((resolve) => server.listen(where, resolve));
  const name = path ?? (server.address() as net.AddressInfo).port;
  const accepted = new Promise<net.Socket>((resolve) =>
    server.once("connection", resolve)
  );
  const client = typeof name === "string"
    ? net.connect({ path: name })
    : net.connect({ port: name, host: "127.0.0.1", noDelay: true });
  client.resume();
  const socket = await accepted;
  let read = 0;
  socket.on("data", (bytes) => read += bytes.length);
  const [connection] = listConnections(libc, [name]);
  return {
    ...{ client, socket, connection },
    look: () => lookAt(libc, connection),
    isArriving: () => isArriving(libc, connection),
    /** Sends so many bytes in all, and waits until the server's end has read them. */
    async send(bytes: number) {
      client.write("x".repeat(bytes - read));
      await until("the bytes", () => read === bytes);
    },
    [Symbol.asyncDispose]() {
      client.destroy();
      socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

type Connected = Awaited<ReturnType<typeof connected>>;

/** A look that has to come soon after an event: tried again if this process lost its CPU. */
async function soon(
  expected: Finding,
  event: (one: Connected) => Promise<unknown> | void,
): Promise<void> {
  await until(`a look that finds ${expected}`, async () => {
    await using one = await connected();
    await event(one);
    return one.look() === expected && one.isArriving();
  });
}

/** What the looks find in the end. */
async function last(one: Connected, expected: Finding): Promise<void> {
  await until(`${expected}`, () => one.look() === expected);
}

describe("a look at a connection", () => {
  test("finds one that was just opened fresh, and later that it sent nothing", async () => {
    await soon("fresh", () => {});
    await using one = await connected();
    await until("the end of its freshness", () => one.look() === 0);
    assert.equal(one.isArriving(), false);
  });

  test("finds bytes that the runtime has not read", async () => {
    await using one = await connected();
    one.socket.pause();
    // A runtime may read ahead.
    one.client.write("x".repeat(1 << 20));
    await last(one, "unread");
    assert.equal(one.isArriving(), true);
  });

  test("finds half a request fresh, later unanswered, and at last half a request", async () => {
    await soon("fresh", (one) => one.send(8));
    await using one = await connected();
    await one.send(8);
    await last(one, "unanswered");
    assert.equal(one.isArriving(), true);
    await last(one, "half");
    assert.equal(one.isArriving(), false);
  });

  test("finds half a request fresh as long as its bytes trickle in", async () => {
    await soon("fresh", async (one) => {
      for (let bytes = 1; bytes <= 5; bytes++) {
        await one.send(bytes);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
  });

  test("finds one idle that has its reply, however fresh it is", async () => {
    await using one = await connected();
    await one.send(8);
    one.socket.write("a reply");
    await last(one, 8);
    assert.equal(one.isArriving(), false);
  });

  test("finds the second request of a connection fresh, and later unanswered", async () => {
    async function second(one: Connected) {
      await one.send(8);
      one.socket.write("a reply");
      // The kernel's clock for this has steps of up to 10 ms.
      await new Promise((resolve) => setTimeout(resolve, 25));
      await one.send(12);
    }
    await soon("fresh", second);
    await using one = await connected();
    await second(one);
    await last(one, "unanswered");
    one.socket.write("a reply");
    await last(one, 12);
  });

  test("finds a unix connection uncounted", async () => {
    const directory = temporary();
    try {
      await using one = await connected(join(directory.path, "socket"));
      assert.equal(one.look(), "uncounted");
      await one.send(8);
      assert.equal(one.look(), "uncounted");
      assert.equal(one.isArriving(), false);
    } finally {
      directory.remove();
    }
  });
});
