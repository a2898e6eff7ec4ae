import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { makePeer } from "../../src/runtime/server.ts";
import type {
  FetchHandler,
  Peer,
  Runtime,
  RuntimeServer,
} from "../../src/runtime/types.ts";
import { temporary } from "../support/hooks.ts";
import { until } from "../support/until.ts";

describe("a native server", () => {
  let runtime: Runtime;
  const servers: RuntimeServer[] = [];
  const errors: unknown[] = [];
  before(async () => {
    runtime = await loadRuntime();
  });
  after(() => servers.forEach((server) => server.stop()));

  async function serve(
    fetch: FetchHandler,
    host = "127.0.0.1",
    port = 0,
  ): Promise<RuntimeServer> {
    const onError = (error: unknown) => errors.push(error);
    const server = await runtime.serve({ host, port, fetch, onError });
    servers.push(server);
    return server;
  }

  it("listens on a free port and answers", async () => {
    const server = await serve(() => Promise.resolve(new Response("hello")));
    assert.ok(server.port > 0);
    const response = await fetch(`http://127.0.0.1:${server.port}/`);
    assert.equal(await response.text(), "hello");
  });

  // Bun's default limit of an idle connection ends such a stream after 10 to 12 s.
  it("keeps a stream over a unix socket that is idle for 13 s", async () => {
    const directory = temporary();
    const path = join(directory.path, "socket");
    let end = () => {};
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new Uint8Array([0x61]));
        end = () => controller.close();
      },
    });
    servers.push(
      await runtime.serve({
        path,
        fetch: () => Promise.resolve(new Response(body)),
        onError: (error) => errors.push(error),
      }),
    );
    const client = connect(path);
    try {
      let text = "";
      let closed = false;
      client.setEncoding("utf8").on("data", (chunk) => text += chunk);
      client.on("close", () => closed = true);
      client.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      await until("the stream", () => text.includes("a\r\n"));
      const since = performance.now();
      await until("13 s", () => closed || performance.now() - since > 13_000);
      assert.equal(closed, false);
      end();
      await until("the end", () => closed);
    } finally {
      client.destroy();
      directory.remove();
    }
  });

  it("names the peer, an IPv4 one as IPv4 on an IPv6 socket too", async () => {
    let peer: Peer | undefined;
    const server = await serve((_request, from) => {
      peer = from;
      return Promise.resolve(new Response());
    }, "::");
    const client = await send(server.port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await until("the request", () => peer);
    assert.deepEqual(peer, { address: "127.0.0.1", port: client.localPort });
    client.destroy();
  });

  it("answers a plain 500 where fetch throws, and tells the owner", async () => {
    const thrown = new Error("a secret");
    for (const fail of [() => Promise.reject(thrown), () => throwIt(thrown)]) {
      errors.length = 0;
      const server = await serve(fail);
      const response = await fetch(`http://127.0.0.1:${server.port}/`);
      assert.equal(response.status, 500);
      assert.equal(await response.text(), "Internal Server Error");
      assert.deepEqual(errors, [thrown]);
    }
  });

  it("rejects with host, port and code where it cannot listen", async () => {
    const { port } = await serve(() => Promise.resolve(new Response()));
    const never: FetchHandler = () => Promise.resolve(new Response());
    await assert.rejects(serve(never, "127.0.0.1", port), {
      message: `Cannot listen on 127.0.0.1:${port}: EADDRINUSE`,
    });
    await assert.rejects(serve(never, "192.0.2.1", port), {
      message: `Cannot listen on 192.0.2.1:${port}: EADDRNOTAVAIL`,
    });
  });

  it("never shares its port", async () => {
    const never: FetchHandler = () => Promise.resolve(new Response());
    const { port } = await serve(never, "::");
    await assert.rejects(serve(never, "::", port), {
      message: `Cannot listen on [::]:${port}: EADDRINUSE`,
    });
  });

  it("stops at once with half-sent, silent and idle connections open", async () => {
    const server = await serve(() => Promise.resolve(new Response("x")));
    const half = await send(server.port, "POST / HTTP/1.1\r\nHost: a\r\n");
    const body = await send(
      server.port,
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab",
    );
    const idle = await send(server.port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await until("the reply", () => idle.bytesRead > 0);
    server.stop();
    await until(
      "the end of all connections",
      () => [half, body, idle].every((socket) => socket.closed),
      2000,
    );
    await assert.rejects(fetch(`http://127.0.0.1:${server.port}/`));
  });
});

describe("makePeer", () => {
  it("takes IPv4 out of IPv6 and leaves all else alone", () => {
    assert.equal(makePeer("::ffff:10.0.2.2", 1).address, "10.0.2.2");
    assert.equal(makePeer("::FFFF:10.0.2.2", 1).address, "10.0.2.2");
    assert.equal(makePeer("10.0.2.2", 1).address, "10.0.2.2");
    assert.equal(makePeer("fe80::1", 1).address, "fe80::1");
  });
});

function throwIt(error: Error): never {
  throw error;
}

async function send(port: number, text: string): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  // a server that stops may reset: the test looks at `closed`
  socket.on("error", () => {});
  socket.resume();
  await new Promise((resolve) => socket.once("connect", resolve));
  await new Promise<void>((resolve) => socket.write(text, () => resolve()));
  return socket;
}
