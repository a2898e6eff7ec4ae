import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, it } from "node:test";
import { until } from "../support/until.ts";
import { CHUNK, expected, Forwarding, pattern } from "./forwarding.ts";
import { ask, dial, echoAfterEnd, FORWARD_ADDRESS, readText } from "./net.ts";

const BULK = 20 * 1024 * 1024;

describe("Forwarder", () => {
  let rig: Forwarding;

  beforeEach(async () => void (rig = await Forwarding.start()));
  afterEach(() => rig.end());

  it("keeps a half-close: the reply comes after the client's end", async () => {
    const port = await rig.serve(echoAfterEnd);
    await rig.forward(port, "127.0.0.1");
    assert.equal(await ask(port, "this"), "this and that was all");
    assert.deepEqual(rig.log.lines, [
      `info forwarding ${FORWARD_ADDRESS}:${port} to 127.0.0.1`,
    ]);
  });

  it("keeps a half-close the other way: the client sends after the server's end", async () => {
    let received = "";
    const port = await rig.serve((socket) => {
      socket.on("data", (chunk) => received += chunk.toString());
      socket.end("that is all from me");
    });
    await rig.forward(port, "127.0.0.1");
    const client = await dial(port);
    assert.equal(await readText(client), "that is all from me");
    client.end("and from me");
    await until("the server to get it", () => received === "and from me");
  });

  it("takes a client that ends before its target is dialled", async () => {
    const port = await rig.serve(echoAfterEnd);
    await rig.forward(port, "127.0.0.1");
    assert.equal(await ask(port, ""), " and that was all");
  });

  it("holds a sender back from a slow reader, who gets all of 20 MB and more", async () => {
    let sent = 0;
    let reading = false;
    const port = await rig.serve((socket) => void send(socket));
    async function send(socket: Socket): Promise<void> {
      // What the kernel holds by itself may be more than that.
      for (let n = 0; sent < BULK || !reading; n++) {
        const chunk = pattern(n);
        if (!socket.write(chunk)) await once(socket, "drain");
        sent += chunk.length;
      }
      socket.end();
    }
    await rig.forward(port, "127.0.0.1");
    const client = await dial(port);
    client.pause();
    let seen = -1;
    await until("the sender to stand still", async () => {
      const before = seen;
      seen = sent;
      await sleep(50);
      return sent > 0 && sent === before;
    });
    reading = true;
    const received = await readPattern(client);
    assert.deepEqual(received, { bytes: sent, wrong: 0 });
    assert.ok(sent >= BULK);
  });

  it("takes 20 MB to a slow server, and its count comes back", async () => {
    const port = await rig.serve((socket) => void count(socket));
    const clients: Socket[] = [];
    async function count(socket: Socket): Promise<void> {
      socket.pause();
      await until(
        "the client to be held up",
        () => clients[0]?.writableNeedDrain,
      );
      const { bytes, wrong } = await readPattern(socket);
      socket.end(`${bytes} bytes, ${wrong} wrong`);
    }
    await rig.forward(port, "127.0.0.1");
    const client = await dial(port);
    clients.push(client);
    for (let n = 0; n * CHUNK < BULK; n++) {
      if (!client.write(pattern(n))) await once(client, "drain");
    }
    client.end();
    assert.equal(await readText(client), `${BULK} bytes, 0 wrong`);
  });

  it("resets the client when the server resets", async () => {
    const port = await rig.serve((socket) => {
      socket.once("data", () => socket.resetAndDestroy());
    });
    await rig.forward(port, "127.0.0.1");
    const client = await dial(port);
    client.write("anything");
    const [error] = await once(client, "error");
    assert.equal(error.code, "ECONNRESET");
  });

  it("resets the server's side when the client resets", async () => {
    let end = "";
    const port = await rig.serve((socket) => {
      socket.on("error", () => end = "reset");
      socket.on("end", () => end ||= "end");
      socket.resume();
      socket.write("ready");
    });
    await rig.forward(port, "127.0.0.1");
    const client = await dial(port);
    await once(client, "data");
    client.resetAndDestroy();
    await until("the server to see it", () => end !== "");
    assert.equal(end, "reset");
  });
});

/** Reads to the end and counts the bytes that are not those of `pattern`. */
async function readPattern(
  socket: Socket,
): Promise<{ bytes: number; wrong: number }> {
  let bytes = 0;
  let wrong = 0;
  socket.on("data", (chunk: Uint8Array) => {
    for (let i = 0; i < chunk.length; i++) {
      if (chunk[i] !== expected(bytes + i)) wrong++;
    }
    bytes += chunk.length;
  });
  socket.resume();
  await once(socket, "end");
  return { bytes, wrong };
}
