import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Forwarder } from "../../src/ports/forwarder.ts";
import { until } from "../support/until.ts";
import {
  ask,
  DEAF_WORKER_URL,
  dial,
  DYING_WORKER_URL,
  echoAfterEnd,
  FORWARD_ADDRESS,
  MUTE_WORKER_URL,
  noIpv6,
  readText,
  RecordedLog,
  STOP_LIMIT_MS,
  TestServer,
  watchedRuntime,
  WORKER_URL,
} from "./net.ts";

const BULK = 20 * 1024 * 1024;

describe("Forwarder", () => {
  let servers: TestServer[] = [];
  let log: RecordedLog;
  let forwarder: Forwarder;
  let threads: Awaited<ReturnType<typeof watchedRuntime>>;

  beforeEach(async () => {
    log = new RecordedLog();
    threads = await watchedRuntime();
    forwarder = make(WORKER_URL, STOP_LIMIT_MS);
  });
  afterEach(async () => {
    await forwarder.stop();
    for (const server of servers) await server.close();
    servers = [];
  });

  function make(workerUrl: URL, stopLimitMs?: number): Forwarder {
    return new Forwarder({
      address: FORWARD_ADDRESS,
      workerUrl,
      runtime: threads.runtime,
      log,
      stopLimitMs,
    });
  }

  async function serve(
    handle: (socket: Socket) => void,
    host = "127.0.0.1",
    port = 0,
  ): Promise<number> {
    const server = new TestServer(handle);
    servers.push(server);
    return await server.listen(host, port);
  }

  async function forward(port: number, ...targets: string[]): Promise<void> {
    forwarder.set(new Map([[port, targets]]));
    await until(`port ${port} to be forwarded`, () => listening(port));
  }

  function listening(port: number): boolean {
    return forwarder.ports.some((one) => one.port === port && one.listening);
  }

  it("starts no worker while there is nothing to forward", async () => {
    forwarder.set(new Map());
    assert.deepEqual(await forwarder.stop(), { ports: 0, connections: 0 });
    assert.deepEqual(threads.threads, []);
  });

  it("keeps a half-close: the reply comes after the client's end", async () => {
    const port = await serve(echoAfterEnd);
    await forward(port, "127.0.0.1");
    assert.equal(await ask(port, "this"), "this and that was all");
    assert.deepEqual(log.lines, [
      `info forwarding ${FORWARD_ADDRESS}:${port} to 127.0.0.1`,
    ]);
  });

  it("keeps a half-close the other way: the client sends after the server's end", async () => {
    let received = "";
    const port = await serve((socket) => {
      socket.on("data", (chunk) => received += chunk.toString());
      socket.end("that is all from me");
    });
    await forward(port, "127.0.0.1");
    const client = await dial(port);
    assert.equal(await readText(client), "that is all from me");
    client.end("and from me");
    await until("the server to get it", () => received === "and from me");
  });

  it("takes a client that ends before its target is dialled", async () => {
    const port = await serve(echoAfterEnd);
    await forward(port, "127.0.0.1");
    assert.equal(await ask(port, ""), " and that was all");
  });

  it("forwards to ::1", { skip: noIpv6 }, async () => {
    const port = await serve(echoAfterEnd, "::1");
    await forward(port, "::1");
    assert.equal(await ask(port, "six"), "six and that was all");
  });

  it(
    "tries the next target when the first refuses, and loses nothing of what was sent meanwhile",
    {
      skip: noIpv6,
    },
    async () => {
      const port = await serve(echoAfterEnd, "::1");
      await forward(port, "127.0.0.1", "::1");
      const text = "x".repeat(100_000);
      assert.equal(await ask(port, text), text + " and that was all");
    },
  );

  it("applies other targets to a port that it forwards", {
    skip: noIpv6,
  }, async () => {
    const port = await serve(echoAfterEnd, "::1");
    await forward(port, "127.0.0.1");
    forwarder.set(new Map([[port, ["::1"]]]));
    await until("the new target to be dialled", async () => {
      // resets until the worker has heard of it
      const reply = await ask(port, "moved").catch(() => undefined);
      return reply === "moved and that was all";
    });
    assert.deepEqual(forwarder.ports, [
      { port, targets: ["::1"], listening: true },
    ]);
  });

  it("resets a client whose targets all refuse", async () => {
    const port = await serve(() => {});
    await servers.pop()?.close();
    await forward(port, "127.0.0.1");
    // The reset may come before this end knows that it is connected.
    const client = connect({ host: FORWARD_ADDRESS, port });
    const [error] = await once(client, "error");
    assert.equal(error.code, "ECONNRESET");
  });

  it("holds a sender back from a slow reader, who gets all of 20 MB and more", async () => {
    let sent = 0;
    let reading = false;
    const port = await serve((socket) => void send(socket));
    async function send(socket: Socket): Promise<void> {
      // What the kernel holds by itself may be more than that.
      for (let n = 0; sent < BULK || !reading; n++) {
        const chunk = pattern(n);
        if (!socket.write(chunk)) await once(socket, "drain");
        sent += chunk.length;
      }
      socket.end();
    }
    await forward(port, "127.0.0.1");
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
    const port = await serve((socket) => void count(socket));
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
    await forward(port, "127.0.0.1");
    const client = await dial(port);
    clients.push(client);
    for (let n = 0; n * CHUNK < BULK; n++) {
      if (!client.write(pattern(n))) await once(client, "drain");
    }
    client.end();
    assert.equal(await readText(client), `${BULK} bytes, 0 wrong`);
  });

  it("resets the client when the server resets", async () => {
    const port = await serve((socket) => {
      socket.once("data", () => socket.resetAndDestroy());
    });
    await forward(port, "127.0.0.1");
    const client = await dial(port);
    client.write("anything");
    const [error] = await once(client, "error");
    assert.equal(error.code, "ECONNRESET");
  });

  it("resets the server's side when the client resets", async () => {
    let end = "";
    const port = await serve((socket) => {
      socket.on("error", () => end = "reset");
      socket.on("end", () => end ||= "end");
      socket.resume();
      socket.write("ready");
    });
    await forward(port, "127.0.0.1");
    const client = await dial(port);
    await once(client, "data");
    client.resetAndDestroy();
    await until("the server to see it", () => end !== "");
    assert.equal(end, "reset");
  });

  it("reports a taken port once, tries again, and gets it when it is free", async () => {
    const port = await serve(echoAfterEnd);
    const taker = new TestServer(() => {});
    await taker.listen(FORWARD_ADDRESS, port);
    const targets = new Map([[port, ["127.0.0.1"]]]);
    const failed = { port, targets: ["127.0.0.1"], listening: false };
    try {
      forwarder.set(targets);
      await until("the failure", () => forwarder.ports[0].error !== undefined);
      for (let scan = 0; scan < 3; scan++) forwarder.set(targets);
      // a round trip: another port is set up after all of these have failed
      const other = await serve(echoAfterEnd);
      forwarder.set(new Map([...targets, [other, ["127.0.0.1"]]]));
      await until("the other port", () => listening(other));
      assert.deepEqual(
        forwarder.ports.find((one) => one.port === port),
        { ...failed, error: "EADDRINUSE" },
      );
      assert.deepEqual(log.matching(/^warn/), [
        `warn Cannot listen on ${FORWARD_ADDRESS}:${port}: EADDRINUSE`,
      ]);
    } finally {
      await taker.close();
    }
    await until("the port to be forwarded", () => {
      forwarder.set(targets);
      return listening(port);
    });
    assert.equal(await ask(port, "at last"), "at last and that was all");
  });

  it("stops listening on a port that is gone, and lets its connections live", async () => {
    const port = await serve(echoAfterEnd);
    await forward(port, "127.0.0.1");
    const client = await dial(port);
    client.write("still ");
    await until("the connection", () => servers[0].connections === 1);
    forwarder.set(new Map());
    assert.deepEqual(forwarder.ports, []);
    await until("the port to be closed", () => refused(port));
    client.end("here");
    assert.equal(await readText(client), "still here and that was all");
  });

  it("works on when a port closes and opens again unseen", async () => {
    const port = await serve(echoAfterEnd);
    await forward(port, "127.0.0.1");
    assert.equal(await ask(port, "one"), "one and that was all");
    await servers.pop()?.close();
    await serve(echoAfterEnd, "127.0.0.1", port);
    assert.equal(await ask(port, "two"), "two and that was all");
  });

  it("stops while bytes move: connections end, the thread is gone, and a start works", async () => {
    const port = await serve((socket) => {
      const send = () => {
        while (!socket.destroyed && socket.write(pattern(0)));
      };
      socket.on("drain", send);
      send();
    });
    await forward(port, "127.0.0.1");
    const client = await dial(port);
    const idle = await dial(port);
    let closed = 0;
    for (const socket of [client, idle]) {
      socket.on("error", () => {});
      socket.on("close", () => closed++);
    }
    await once(client, "data");
    client.resume();
    await until("both connections", () => servers[0].connections === 2);
    assert.equal(threads.alive().length, 1);

    assert.deepEqual(await forwarder.stop(), { ports: 1, connections: 2 });
    assert.deepEqual(threads.alive(), []);
    assert.deepEqual(forwarder.ports, []);
    assert.ok(await refused(port));
    idle.resume();
    await until("the clients to see it", () => closed === 2);
    await until("the server to see it", () => servers[0].connections === 0);

    const echo = await serve(echoAfterEnd);
    await forward(echo, "127.0.0.1");
    assert.equal(await ask(echo, "again"), "again and that was all");
    assert.equal(threads.alive().length, 1);
  });

  it("stops at once while it starts, and twice at the same time", async () => {
    const port = await serve(echoAfterEnd);
    forwarder.set(new Map([[port, ["127.0.0.1"]]]));
    const stopped = forwarder.stop();
    assert.equal(forwarder.stop(), stopped);
    assert.throws(
      () => forwarder.set(new Map([[port, ["127.0.0.1"]]])),
      /Cannot forward ports: the forwarder is being stopped/,
    );
    await stopped;
    assert.deepEqual(threads.alive(), []);
    assert.ok(await refused(port));
    assert.deepEqual(await forwarder.stop(), { ports: 0, connections: 0 });
  });

  it("ends a worker that does not answer, and says so", async () => {
    forwarder = make(MUTE_WORKER_URL);
    forwarder.set(new Map([[1, ["127.0.0.1"]]]));
    await until("the thread", () => threads.alive().length === 1);
    assert.deepEqual(await forwarder.stop(), { ports: 0, connections: 0 });
    assert.deepEqual(threads.alive(), []);
    assert.equal(log.matching(/^warn .*did not answer in time/).length, 1);
  });

  it("ends such a worker at once when the signal says so", async () => {
    forwarder = make(MUTE_WORKER_URL);
    forwarder.set(new Map([[1, ["127.0.0.1"]]]));
    await until("the thread", () => threads.alive().length === 1);
    const abort = new AbortController();
    const stopped = forwarder.stop(abort.signal);
    abort.abort();
    await stopped;
    assert.deepEqual(threads.alive(), []);
  });

  it("leaves nothing open of a worker that does not stop by itself", async () => {
    const port = await serve(echoAfterEnd);
    const descriptors = () => readdirSync("/proc/self/fd").length;
    forwarder = make(DEAF_WORKER_URL);
    await forward(port, "127.0.0.1");
    const client = await dial(port);
    client.on("error", () => {});
    client.resume();
    await until("the connection", () => servers[0].connections === 1);
    const open = descriptors();
    await forwarder.stop();
    assert.deepEqual(threads.alive(), []);
    await until("its end", () => client.readableEnded || client.closed);
    client.destroy();
    await until("the server to see it", () => servers[0].connections === 0);
    assert.ok(await refused(port));
    // The listener, its client and target, and the two ends in this test.
    await until("no descriptor", () => descriptors() <= open - 5);
  });

  it("sets everything up again after its worker died", async () => {
    const port = await serve(echoAfterEnd);
    const targets = new Map([[port, ["127.0.0.1"]]]);
    let url = DYING_WORKER_URL;
    let started = 0;
    const { startWorker } = threads.runtime;
    threads.runtime.startWorker = (_url, events) => {
      started++;
      return startWorker(url, events);
    };
    forwarder.set(targets);
    await until("the death", () => log.matching(/^warn/).length === 1);
    assert.match(log.lines[0], /dies of its first order/);
    assert.deepEqual(forwarder.ports, []);
    url = WORKER_URL;
    await forward(port, "127.0.0.1");
    assert.equal(await ask(port, "alive"), "alive and that was all");
    await forwarder.stop();
    // Its last words may be all that is heard of the first: not its thread.
    assert.equal(started, 2);
    assert.deepEqual(threads.alive(), []);
  });
});

const CHUNK = 64 * 1024;

/** Chunk `n` of bytes that tell their place. */
function pattern(n: number): Uint8Array {
  const chunk = new Uint8Array(CHUNK);
  for (let i = 0; i < CHUNK; i++) chunk[i] = expected(n * CHUNK + i);
  return chunk;
}

function expected(offset: number): number {
  // 251 is prime: no shift by a power of two looks right
  return offset % 251;
}

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

/** Whether nobody listens on the port of the forward address. */
async function refused(port: number): Promise<boolean> {
  const socket = connect({ host: FORWARD_ADDRESS, port });
  try {
    await once(socket, "connect");
    return false;
  } catch (error) {
    return (error as { code?: string }).code === "ECONNREFUSED";
  } finally {
    socket.destroy();
  }
}
