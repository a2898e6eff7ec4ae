import assert from "node:assert/strict";
import net from "node:net";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { connect } from "../../src/client/connect.ts";
import { LullClient } from "../../src/client/mod.ts";
import { runtimeName } from "../../src/runtime/mod.ts";
import { TestAgent } from "../support/agent.ts";
import { temporary } from "../support/hooks.ts";
import { until } from "../support/until.ts";
import { VsockDeviceStandIn } from "../support/vsock_device.ts";

const noRoot = process.getuid?.() === 0 ? false : "needs root";

describe("the client", () => {
  const directory = temporary();
  const socket = join(directory.path, "lull.sock");
  const device = join(directory.path, "vsock");
  let agent: TestAgent;
  let standIn: VsockDeviceStandIn;
  before(async () => {
    agent = await TestAgent.start(runtimeName(), [
      `--listen=127.0.0.1:0,unix:${socket}`,
      "--no-reset-connections",
    ]);
    standIn = await VsockDeviceStandIn.listen(device, 52, agent.port);
  });
  after(async () => {
    await standIn?.[Symbol.asyncDispose]();
    await agent?.stop();
    directory.remove();
  });

  const transports = {
    tcp: () => `http://127.0.0.1:${agent.port}`,
    "tcp, by name": () => `http://localhost:${agent.port}`,
    unix: () => `unix:${socket}`,
    "Firecracker's vsock": () => `fc:${device}:52`,
  };
  for (const [name, url] of Object.entries(transports)) {
    test(`does a whole round over ${name}`, async () => {
      const client = new LullClient(url());
      const { generation } = await client.health();
      const report = await client.prepareSettled({ operation: "round" });
      assert.equal(report.operation, "round");
      assert.equal(report.settled, true);
      assert.equal((await client.status()).state, "quiesced");
      const { recovered, recovery } = await client.recover({
        operation: "round",
        outcome: "resumed",
      });
      assert.equal(recovered, true);
      assert.equal(recovery?.generation, generation + 1);
      // The client has sent the time and entropy by itself.
      const effectOf = (name: string) =>
        recovery.steps.find((step) => step.name === name)?.effect;
      assert.equal(effectOf("clock")?.source, "request");
      if (noRoot === false) assert.equal(effectOf("entropy")?.bytes, 32);
      assert.equal((await client.recover()).recovered, false);
      assert.equal(await client.prepare({ operation: "next" }), "next");
      assert.equal((await client.health()).generation, generation + 2);
      assert.match(await client.metrics(), /# EOF\n$/);
    });
  }

  for (const [name, url] of Object.entries(transports)) {
    test(`follows the state, for longer than the limit, over ${name}`, async () => {
      const timeoutMs = 1000;
      const follower = new LullClient(url(), { timeoutMs });
      const seen: string[] = [];
      let ended = false;
      const following = (async () => {
        for await (const { state } of follower.events()) seen.push(state);
        ended = true;
      })();
      following.catch(() => {});
      const start = performance.now();
      await until("the first event", () => seen.length > 0);
      // The limit is that of the first event.
      await until(
        "the limit",
        () => ended || performance.now() - start > 1.2 * timeoutMs,
      );
      const client = new LullClient(url());
      await client.prepare();
      await until("the state quiesced", () => seen.length === 3);
      assert.equal(ended, false);
      await client.health();
      await until("the end of the stream", () => ended);
      await following;
      // The last one is seen if the recovery begins before the settle.
      if (seen.at(-1) === "recovering") seen.pop();
      assert.deepEqual(seen, ["running", "preparing", "quiesced"]);
    });
  }

  test("opens no connection after the limit", async () => {
    const dial = (signal: AbortSignal) =>
      connect({ kind: "unix", path: socket }, signal);
    await assert.rejects(
      dial(AbortSignal.abort()),
      /the time limit is reached$/,
    );
    let closed = false;
    const limit = new AbortController();
    const late = connect(
      { kind: "vsock", cid: 3, port: 1 },
      limit.signal,
      () => {
        limit.abort();
        const chunks = (async function* () {})();
        return Promise.resolve({
          chunks,
          write() {},
          close: () => closed = true,
        });
      },
    );
    await assert.rejects(late, /the time limit is reached$/);
    assert.ok(closed);
  });

  test("rejects with the problem of the agent", async () => {
    const client = new LullClient(transports.tcp());
    await assert.rejects(client.recover({ operation: "none" }), {
      name: "RefusedError",
      status: 409,
      message: /^The agent replied 409: /,
    });
    await assert.rejects(client.prepare({ lease: -1 }), (error: unknown) => {
      const { problem } = error as { problem: { errors: unknown } };
      assert.deepEqual(problem.errors, [
        { path: "lease", expected: "more than 0 seconds" },
      ]);
      return true;
    });
  });

  test("rejects an agent that cannot be reached, with the reason", async () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ["unix:/none/such", /unix:\/none\/such: ENOENT$/],
      ["http://127.0.0.1:1", /http:\/\/127\.0\.0\.1:1: ECONNREFUSED$/],
      [`fc:${device}:53`, /:53: nothing listens on vsock port 53$/],
      ["vsock:3:5", /this program has no connections of vsock$/],
    ];
    for (const [url, message] of cases) {
      await assert.rejects(new LullClient(url).status(), {
        name: "UnreachableError",
        message,
      }, url);
    }
  });

  test("rejects replies that are none, and those that do not come", async () => {
    let reply = "";
    const server = net.createServer((one) => {
      one.on("error", () => {});
      one.once("data", () => reply === "" ? undefined : one.end(reply));
    });
    const path = join(directory.path, "odd.sock");
    server.listen(path);
    try {
      await until("the server", () => server.listening);
      const client = new LullClient(`unix:${path}`, { timeoutMs: 300 });
      await assert.rejects(client.status(), {
        name: "UnreachableError",
        message: /no reply within the time limit$/,
      });
      for (
        const odd of [
          "SSH-2.0-OpenSSH_9.2\r\n\r\n",
          "HTTP/1.1 200 OK\r\ncontent-le",
          "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{}",
          "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{}",
        ]
      ) {
        reply = odd;
        await assert.rejects(
          client.status(),
          { name: "UnreachableError" },
          odd,
        );
      }
      const ok = (body: string) =>
        `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
      const others = [
        ok("<html>"),
        ok("{}"),
        ok("null"),
        ok('"version"'),
        "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: x\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-2\r\n{}",
        "HTTP/1.1 503 X\r\ncontent-type: application/problem+json\r\n\r\n{",
      ];
      const calls = {
        prepare: () => client.prepare(),
        prepareSettled: () => client.prepareSettled(),
        recover: () => client.recover(),
        health: () => client.health(),
        status: () => client.status(),
        metrics: () => client.metrics(),
        events: () => client.events()[Symbol.asyncIterator]().next(),
      };
      for (const other of others) {
        reply = other;
        for (const [name, call] of Object.entries(calls)) {
          const what = `${name}, ${other}`;
          await assert.rejects(call, { name: "UnreachableError" }, what);
        }
      }
      reply = "";
      await assert.rejects(calls.events, /no reply within the time limit$/);
      reply = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" +
        '5;x=y\r\n{"ver\r\nA\r\nsion":"x"}\r\n0\r\n\r\n';
      assert.deepEqual(await client.health(), { version: "x" });
    } finally {
      server.close();
    }
  });
});
