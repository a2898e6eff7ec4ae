import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { SelfCall } from "../../src/warm_up/self_call.ts";
import { realLibc } from "../support/libc.ts";
import { until } from "../support/until.ts";

/** A server that answers with these words; the first request, and who asked. */
async function listen(host: string, reply?: string) {
  const asked: { text: string; own: boolean }[] = [];
  const server = createServer((socket) => {
    socket.on("data", (bytes) => {
      const peer = { address: socket.remoteAddress!, port: socket.remotePort! };
      asked.push({ text: bytes.toString(), own: call.isFrom(peer) });
      if (reply !== undefined) socket.write(reply);
    });
    socket.on("error", () => {});
  });
  server.listen(0, host);
  await until("the server", () => server.listening);
  const { port } = server.address() as { port: number };
  const call = new SelfCall(await realLibc(), () => [port], 1000);
  return { asked, call, port, close: () => server.close() };
}

for (const host of ["127.0.0.1", "0.0.0.0", "::1"]) {
  test(`it asks a server on ${host}, which knows who asks`, async () => {
    const { asked, call, close } = await listen(host, "HTTP/1.1 200 OK\r\n");
    try {
      assert.equal(await call.ask(), true);
      assert.equal(asked.length, 2);
      const [first, second] = asked;
      assert.match(first.text, /^GET \/health HTTP\/1\.1\r\n.*\r\n\r\n$/);
      assert.match(second.text, /^GET \/health HTTP\/1\.0\r\n.*\r\n\r\n$/);
      assert.deepEqual([first.own, second.own], [true, true]);
      assert.equal(call.isFrom({ address: host, port: 1 }), false);
    } finally {
      close();
    }
  });
}

test("no reply is an error, no port is none", async () => {
  const { call, close } = await listen("127.0.0.1");
  try {
    await assert.rejects(
      () => call.ask(),
      /Cannot get the reply to a health check to the agent itself: not done within \d+ ms \(EAGAIN\)/,
    );
  } finally {
    close();
  }
  const nowhere = new SelfCall(await realLibc(), () => []);
  assert.equal(await nowhere.ask(), false);
});
