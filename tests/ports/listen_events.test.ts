import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { after, before, describe, it } from "node:test";
import { ListenEvents } from "../../src/ports/listen_events.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { median } from "../bench/stats.ts";
import { descriptorsOf } from "../support/descriptors.ts";
import { realLibc } from "../support/libc.ts";
import { until } from "../support/until.ts";

const libc = await realLibc();
const runtime = await loadRuntime();
const SKIP = problem();

/** Why this kernel does not report, for `skip`; false if it does. */
function problem(): string | false {
  try {
    const callbacks = { onEvent() {}, onError() {} };
    new ListenEvents({ libc, runtime, ...callbacks })[Symbol.dispose]();
    return false;
  } catch (error) {
    return (error as Error).message;
  }
}

async function listen() {
  const server = createServer((socket) => socket.end());
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server;
}

const programs = () => descriptorsOf((path) => /bpf/.test(path));

describe("the kernel's reports of sockets that listen", { skip: SKIP }, () => {
  let events: ListenEvents;
  let count = 0;

  before(() => {
    events = new ListenEvents({
      ...{ libc, runtime },
      onEvent: () => void count++,
      onError: (error) => assert.fail(String(error)),
    });
  });
  after(async () => {
    events[Symbol.dispose]();
    events[Symbol.dispose]();
    await until("no program of the kernel", () => programs() === 0);
  });

  it("come when a socket begins and when it ends to listen", async () => {
    events.start();
    const times: number[] = [];
    for (let i = 0; i < 10; i++) {
      for (const step of ["listen", "close"]) {
        const before = count;
        const start = performance.now();
        const server = await listen();
        if (step === "close") {
          await until("the report of the beginning", () => count > before);
          server.close();
        }
        await until("the report", () => count > before);
        times.push(performance.now() - start);
        server.close();
      }
    }
    assert.ok(median(times) < 200, `${median(times)} ms`);
  });

  it("go on after many more changes than the ring has room for", async () => {
    for (let i = 0; i < 600; i++) (await listen()).close();
    const before = count;
    const server = await listen();
    await until("a report", () => count > before);
    server.close();
  });

  it("do not come while they pause; the next start knows of the change", async () => {
    events.pause();
    events.start();
    events.pause();
    const before = count;
    const server = await listen();
    const { port } = server.address() as { port: number };
    const client = connect(port, "127.0.0.1");
    await once(client, "connect");
    client.destroy();
    server.close();
    assert.equal(count, before);
    assert.equal(events.start(), true);
  });

  it("do not come for connections to a socket that listens", async () => {
    const server = await listen();
    const { port } = server.address() as { port: number };
    events.start();
    // Other programs of this machine may begin or end to listen at the same time.
    let quiet = 0;
    await until("ten connections in a row without a report", async () => {
      events.pause();
      const client = connect(port, "127.0.0.1");
      await once(client, "connect");
      client.destroy();
      quiet = events.start() ? 0 : quiet + 1;
      return quiet === 10;
    });
    server.close();
  });
});
