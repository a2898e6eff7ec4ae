import assert from "node:assert/strict";
import { existsSync, readdirSync, statSync } from "node:fs";
import { createHash, randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { inodeOf } from "../../src/linux/connection.ts";
import { requireSymbol } from "../../src/linux/libc.ts";
import { loadRuntime, runtimeName } from "../../src/runtime/mod.ts";
import type { Peer, RuntimeServer } from "../../src/runtime/types.ts";
import { temporary } from "../support/hooks.ts";
import { realLibc } from "../support/libc.ts";
import { until } from "../support/until.ts";
import { noVsock } from "../support/vsock.ts";

/** A port that no other test uses. */
const PORT = 40_000 + randomBytes(2).readUInt16LE();

describe("a server on vsock", { skip: noVsock }, () => {
  test("has its port alone, and gives it back", async () => {
    const directory = temporary();
    const { serve } = await loadRuntime();
    const at = { vsockPort: PORT, directory: directory.path };
    const fetch = () => Promise.resolve(new Response());
    const server = await serve({ ...at, fetch });
    assert.equal(server.port, 0);
    await assert.rejects(serve({ ...at, fetch }), {
      message: `Cannot listen on vsock:${PORT}: EADDRINUSE`,
    });
    server.stop();
    await until("the port to be free", async () => {
      try {
        (await serve({ ...at, fetch })).stop();
        return true;
      } catch {
        return false;
      }
    });
    assert.deepEqual(readdirSync(directory.path), []);
    directory.remove();
  });
});

// Deno's own server listens on vsock, without a relay.
if (runtimeName() === "bun") {
  describe("the relay of Bun", () => {
    const directory = temporary();
    const path = join(directory.path, "outside.sock");
    const peers: Peer[] = [];
    const errors: unknown[] = [];
    /** The CID of the next connection. */
    let cid = 2;
    let answer: (request: Request) => Response | Promise<Response>;
    let server: RuntimeServer;

    before(async () => {
      const { serveVsock } = await import(
        "../../src/runtime/bun/vsock/serve.ts"
      );
      let port = 1000;
      server = serveVsock(
        {
          vsockPort: PORT,
          directory: directory.path,
          onError: (error) => errors.push(error),
          fetch: async (request, peer) => {
            peers.push(peer!);
            return await answer(request);
          },
        },
        PORT,
        // A unix socket in place of a vsock one, which needs a host.
        () => ({
          listen: () => listenOn(path),
          peerOf: () => ({ cid, port: port++ }),
        }),
      );
    });
    after(() => {
      server.stop();
      directory.remove();
      assert.deepEqual(errors, []);
    });

    test("gives each connection its own peer, on sockets only for its user", async () => {
      answer = () => new Response("here");
      const [first, second] = [await dial(path), await dial(path)];
      cid = 3;
      const guest = await dial(path);
      for (const one of [first, second, guest, first]) {
        one.socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
        await until("the reply", () => one.text.endsWith("here"));
        one.text = "";
      }
      assert.deepEqual(peers.splice(0), [
        { address: "vsock:2", port: 1000, cid: 2 },
        { address: "vsock:2", port: 1001, cid: 2 },
        { address: "vsock:3", port: 1002, cid: 3 },
        { address: "vsock:2", port: 1000, cid: 2 },
      ]);
      const sockets = join(directory.path, `vsock-${PORT}`);
      assert.equal(statSync(sockets).mode & 0o777, 0o700);
      assert.equal(readdirSync(sockets).length, 3);
      for (const one of [first, second, guest]) one.socket.destroy();
      // A connection from another machine never gets the socket of one that has ended.
      cid = 4;
      const other = await dial(path);
      other.socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      await until("the reply", () => other.text.endsWith("here"));
      assert.equal(readdirSync(sockets).length, 4);
      other.socket.destroy();
      peers.length = 0;
      cid = 2;
    });

    test("carries long bodies both ways, also to a caller that reads late", async () => {
      const sent = randomBytes(5_000_000);
      answer = async (request) => new Response(await request.bytes());
      const one = await dial(path);
      one.socket.pause();
      one.socket.write(
        `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${sent.length}\r\n\r\n`,
      );
      one.socket.write(sent);
      await until("the request", () => peers.length === 1);
      one.socket.resume();
      const body = () => one.text.slice(one.text.indexOf("\r\n\r\n") + 4);
      await until("the whole reply", () => body().length >= sent.length);
      const hash = (bytes: Uint8Array) =>
        createHash("sha256").update(bytes).digest("hex");
      assert.equal(hash(Buffer.from(body(), "latin1")), hash(sent));
      one.socket.destroy();
      peers.length = 0;
    });

    test("leaves the close to a caller that the reply asks to close", async () => {
      answer = () => new Response("x", { headers: { connection: "close" } });
      const one = await dial(path);
      one.socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      await until("the reply", () => one.text.endsWith("x"));
      assert.match(one.text, /connection: close/i);
      one.text = "";
      // Still open: a further request gets its reply.
      answer = () => new Response("again");
      one.socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      await until("the next reply", () => one.text.endsWith("again"));
      assert.equal(one.socket.closed, false);
      // Closed, where the caller itself asks for it.
      one.socket.write(
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
      );
      await until("the end", () => one.ended);
      peers.length = 0;
    });

    test("leaves the close to it, also if a caller before it got no reply", async () => {
      const replies = [
        Promise.withResolvers<Response>(),
        Promise.withResolvers<Response>(),
      ];
      const [former, later] = replies;
      answer = () => replies.shift()!.promise;
      const sockets = join(directory.path, `vsock-${PORT}`);
      const gone = await dial(path);
      gone.socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      await until("the request", () => peers.length === 1);
      const before = readdirSync(sockets).length;
      await hangUp(gone);
      const one = await dial(path);
      one.socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      await until("the next request", () => peers.length === 2);
      assert.equal(readdirSync(sockets).length, before, "another socket");
      later.resolve(new Response("x", { headers: { connection: "close" } }));
      former.resolve(new Response("late"));
      await until("the reply", () => one.text.endsWith("x"));
      one.text = "";
      answer = () => new Response("again");
      one.socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      await until("a reply", () => one.ended || one.text.endsWith("again"));
      assert.equal(one.ended, false);
      await hangUp(one);
      peers.length = 0;
    });

    // Bun's default limit of an idle connection ends such a stream after 10 to 12 s.
    test("keeps a stream that is idle for 13 s, and a silent connection", async () => {
      const stream = new ReadableStream({
        start: (one) => one.enqueue(new TextEncoder().encode("word")),
      });
      answer = (request) =>
        new Response(request.url.endsWith("/") ? stream : "x");
      const both = [await dial(path), await dial(path)];
      both[0].socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      both[1].socket.write("GET /x HTTP/1.1\r\nhost: x\r\n\r\n");
      await until("both replies", () => both.every(({ text }) => text !== ""));
      const since = performance.now();
      const passed = () => performance.now() - since > 13_000;
      await until("13 s", () => both.some(({ ended }) => ended) || passed());
      assert.deepEqual(both.map(({ ended }) => ended), [false, false]);
      for (const one of both) await hangUp(one);
      peers.length = 0;
    });

    test("lets a connection go, which stays open by another descriptor", async () => {
      let canceled = 0;
      answer = () =>
        new Response(
          new ReadableStream({
            start: (one) => one.enqueue(new TextEncoder().encode("word")),
            cancel: () => void canceled++,
          }),
        );
      const before = socketsOfThis();
      const one = await dial(path);
      one.socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      await until("the word", () => one.text.includes("word"));
      const fcntl = requireSymbol(libc, "fcntl");
      const close = requireSymbol(libc, "close");
      const F_DUPFD_CLOEXEC = 1030;
      // One of the new sockets is that of the connection; the server knows which.
      const copies = socketsOfThis().filter((fd) => !before.includes(fd))
        .map((fd) => ({ fd, copy: Number(fcntl(fd, F_DUPFD_CLOEXEC, 0)) }));
      const gone = copies.filter(({ fd }) => server.letGo?.(fd) === true);
      assert.equal(gone.length, 1);
      const [{ fd, copy }] = gone;
      for (const other of copies) {
        if (other.copy !== copy) close(other.copy);
      }
      await until("the end of the stream", () => canceled === 1);
      assert.equal(server.letGo?.(fd), false);
      // The client has seen nothing of it.
      const again = await dial(path);
      answer = () => new Response("here");
      again.socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      await until("the reply", () => again.text.endsWith("here"));
      assert.equal(one.ended, false);
      const last = new TextEncoder().encode("last");
      assert.equal(
        Number(requireSymbol(libc, "write")(copy, last, BigInt(last.length))),
        last.length,
      );
      close(copy);
      await until("the end", () => one.ended);
      assert.ok(one.text.endsWith("last"), one.text);
      again.socket.destroy();
      peers.length = 0;
    });

    test("ends with its server, and leaves no file", async () => {
      answer = () => new Promise(() => {});
      const [waiting, silent] = [await dial(path), await dial(path)];
      waiting.socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      await until("the request", () => peers.length === 1);
      server.stop();
      await until("their ends", () => waiting.ended && silent.ended);
      assert.equal(existsSync(join(directory.path, `vsock-${PORT}`)), false);
    });
  });
}

/** The descriptors of this process that are sockets. */
function socketsOfThis(): number[] {
  return readdirSync("/proc/self/fd").map(Number)
    .filter((fd) => inodeOf(fd) !== undefined);
}

interface Dialled {
  readonly socket: Socket;
  text: string;
  ended: boolean;
}

/** Ends a connection that has sent a request: its socket, and the three of the server. */
async function hangUp({ socket }: Dialled): Promise<void> {
  const before = socketsOfThis().length;
  socket.destroy();
  await until("its end", () => socketsOfThis().length <= before - 4);
}

async function dial(path: string): Promise<Dialled> {
  const one: Dialled = { socket: connect(path), text: "", ended: false };
  one.socket.setEncoding("latin1");
  one.socket.on("data", (text) => one.text += text);
  one.socket.on("close", () => one.ended = true);
  one.socket.on("error", () => one.ended = true);
  await until("a connection", () => one.socket.readyState === "open");
  return one;
}

let libc: Awaited<ReturnType<typeof realLibc>>;
before(async () => {
  libc = await realLibc();
});

/** Listens on a unix socket, and gives the descriptor. */
function listenOn(path: string): number {
  const address = new Uint8Array(110);
  address[0] = 1; // AF_UNIX
  address.set(new TextEncoder().encode(path), 2);
  const fd = requireSymbol(libc, "socket")(1, 1 | 0o2004000, 0);
  assert.equal(requireSymbol(libc, "bind")(fd, address, 110), 0);
  assert.equal(requireSymbol(libc, "listen")(fd, 16), 0);
  return fd;
}
