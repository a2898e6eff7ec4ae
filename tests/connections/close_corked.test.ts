import assert from "node:assert/strict";
import net from "node:net";
import { describe, test } from "node:test";
import { cork } from "../../src/linux/connection.ts";
import { listConnections } from "../../src/linux/connections.ts";
import { closeCorked } from "../../src/connections/close_corked.ts";
import { realLibc } from "../support/libc.ts";
import { until } from "../support/until.ts";

/** A server's end of a connection, and what both ends see, in that order. */
async function connected() {
  const libc = await realLibc();
  const seen: string[] = [];
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const accepted = new Promise<net.Socket>((resolve) =>
    server.once("connection", resolve)
  );
  const client = net.connect({ port, host: "127.0.0.1" });
  client.on("data", (bytes) => seen.push(`client: ${bytes}`));
  client.on("end", () => seen.push("client: end"));
  const socket = await accepted;
  socket.on("end", () => seen.push("server: end")).resume();
  const [connection] = listConnections(libc, [port]);
  return {
    ...{ libc, seen, socket, connection },
    [Symbol.asyncDispose]() {
      client.destroy();
      socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** What a caller sees of a reply that was held back. */
const TOGETHER = ["server: end", "client: reply", "client: end"];

describe("a corked reply", () => {
  test("leaves with the end of a connection that would stay open", async () => {
    // The kernel sends by itself after 200 ms, which a busy machine may reach.
    await until("a reply and an end together", async () => {
      await using one = await connected();
      const { libc, seen, socket, connection } = one;
      assert.equal(cork(libc, connection), true);
      socket.write("reply");
      assert.equal(await closeCorked(libc, connection), true);
      await until("the end", () => seen.includes("client: end"));
      assert.deepEqual([...seen].sort(), [...TOGETHER].sort());
      return seen.join() === TOGETHER.join();
    });
  });

  test("leaves with the end that the runtime makes itself", async () => {
    await using one = await connected();
    const { libc, seen, socket, connection } = one;
    assert.equal(cork(libc, connection), true);
    socket.end("reply", () => socket.destroy());
    assert.equal(await closeCorked(libc, connection), true);
    await until("the end", () => seen.includes("client: end"));
    // Of node:net's sockets Bun's end here, too, and Deno's do not.
    const client = seen.filter((what) => what.startsWith("client"));
    assert.deepEqual(client, ["client: reply", "client: end"]);
  });

  test("that is never written leaves its connection open", async () => {
    await using one = await connected();
    const { libc, seen, socket, connection } = one;
    assert.equal(cork(libc, connection), true);
    assert.equal(await closeCorked(libc, connection), false);
    assert.deepEqual(seen, []);
    socket.write("late");
    await until("what the kernel sends by itself", () => seen.length > 0);
    assert.deepEqual(seen, ["client: late"]);
  });
});
