import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import process from "node:process";
import { before, describe, it } from "node:test";
import { loadRuntime } from "../../src/runtime/mod.ts";
import type {
  Runtime,
  RuntimeWorker,
  WorkerEvents,
} from "../../src/runtime/types.ts";
import { AdoptedWorker } from "../../src/runtime/worker.ts";
import { until } from "../support/until.ts";

const ECHO = new URL("../support/echo_worker.ts", import.meta.url);

describe("a worker", () => {
  let runtime: Runtime;
  before(async () => {
    runtime = await loadRuntime();
  });

  function start(url = ECHO) {
    const messages: unknown[] = [];
    const errors: Error[] = [];
    const worker = runtime.startWorker(url, {
      onMessage: (message) => messages.push(message),
      onError: (error) => errors.push(error),
    });
    return { worker, messages, errors };
  }

  it("gets what was posted before it was ready, in order", async () => {
    const { worker, messages } = start();
    worker.post(1);
    worker.post({ two: 2 });
    await until("both echoes", () => messages.length >= 2);
    await worker.terminate();
    // the hello with the thread's id is not among them
    assert.deepEqual(messages, [{ echo: 1 }, { echo: { two: 2 } }]);
  });

  it("is gone from the kernel's list once it is terminated", async () => {
    const before = threads();
    const { worker, messages } = start();
    worker.post("hello");
    await until("the echo", () => messages.length === 1);
    const born = threads().filter((thread) => !before.includes(thread));
    assert.notDeepEqual(born, []);
    const ended = worker.terminate();
    assert.equal(worker.terminate(), ended);
    await ended;
    const left = born.filter((thread) => threads().includes(thread));
    // the runtime may start helpers of its own on the way
    assert.ok(left.length < born.length, `left of ${born}: ${left}`);
  });

  it("can be terminated before it is ready", async () => {
    const { worker, errors } = start();
    await worker.terminate();
    assert.deepEqual(errors, []);
  });

  it("reports its own error and spares the process", async () => {
    const { worker, errors } = start();
    worker.post("fail");
    await until("the error", () => errors.length > 0);
    assert.match(errors[0].message, /^(Uncaught Error: )?this worker fails$/);
    await worker.terminate();
    assert.equal(errors.length, 1);
  });

  it("reports a module that does not exist", async () => {
    const { worker, errors } = start(new URL("./none.ts", ECHO));
    await until("the error", () => errors.length > 0);
    assert.match(errors[0].message, /none\.ts/);
    await worker.terminate();
  });
});

describe("a worker whose thread does not end", () => {
  /** A web worker that says what the test wants and never ends. */
  class Stubborn extends EventTarget {
    terminations = 0;
    postMessage(): void {}
    terminate(): void {
      this.terminations++;
    }
    say(data: unknown): void {
      this.dispatchEvent(new MessageEvent("message", { data }));
    }
  }

  function adopt(onEnded?: WorkerEvents["onEnded"]): {
    web: Stubborn;
    worker: RuntimeWorker;
    errors: Error[];
  } {
    const web = new Stubborn();
    const errors: Error[] = [];
    const worker = new AdoptedWorker(web as unknown as Worker, ECHO, {
      onMessage() {},
      onError: (error) => errors.push(error),
      onEnded,
    }, 100);
    return { web, worker, errors };
  }

  it("rejects after its limit and names the thread", async () => {
    const { web, worker } = adopt();
    // the main thread's id: certain to be there as long as this test runs
    web.say({ tid: process.pid });
    const start = performance.now();
    await assert.rejects(
      worker.terminate(),
      new RegExp(`thread ${process.pid} still runs after 100 ms`),
    );
    assert.ok(performance.now() - start >= 100);
    assert.equal(web.terminations, 1);
  });

  it("gives its owner what it still holds, when it has ended", async () => {
    const told: SharedArrayBuffer[] = [];
    const { web, worker } = adopt((held) => {
      told.push(held);
      return Promise.resolve();
    });
    const held = new SharedArrayBuffer(16);
    // No thread has this id: the kernel's highest is 2^22.
    web.say({ tid: 2 ** 23, held });
    assert.deepEqual(told, []);
    await worker.terminate();
    assert.deepEqual(told, [held]);
  });

  it("rejects if its owner cannot free that", async () => {
    const { web, worker } = adopt(() => Promise.reject(new Error("no")));
    web.say({ tid: 2 ** 23, held: new SharedArrayBuffer(16) });
    await assert.rejects(worker.terminate(), /^Error: no$/);
  });

  it("rejects where it never said its id, and is terminated all the same", async () => {
    const { web, worker, errors } = adopt();
    web.say("not a hello");
    assert.match(errors[0].message, /its first message is not \{tid\}/);
    await assert.rejects(worker.terminate(), /it never said its thread id/);
    assert.equal(web.terminations, 1);
  });
});

function threads(): string[] {
  assert.ok(existsSync("/proc/self/task"));
  return readdirSync("/proc/self/task");
}
