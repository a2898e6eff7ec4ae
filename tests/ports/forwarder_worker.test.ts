import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, it } from "node:test";
import { runtimeName } from "../../src/runtime/name.ts";
import { until } from "../support/until.ts";
import { Forwarding, pattern, refused } from "./forwarding.ts";
import {
  ask,
  BUSY_POOL_WORKER_URL,
  DEAF_WORKER_URL,
  dial,
  DYING_WORKER_URL,
  echoAfterEnd,
  MUTE_WORKER_URL,
  WORKER_URL,
} from "./net.ts";

describe("Forwarder", () => {
  let rig: Forwarding;

  beforeEach(async () => void (rig = await Forwarding.start()));
  afterEach(() => rig.end());

  it("starts no worker while there is nothing to forward", async () => {
    rig.forwarder.set(new Map());
    assert.deepEqual(await rig.forwarder.stop(), { ports: 0, connections: 0 });
    assert.deepEqual(rig.threads.threads, []);
  });

  it("stops while bytes move: connections end, the thread is gone, and a start works", async () => {
    const port = await rig.serve((socket) => {
      const send = () => {
        while (!socket.destroyed && socket.write(pattern(0)));
      };
      socket.on("drain", send);
      send();
    });
    await rig.forward(port, "127.0.0.1");
    const client = await dial(port);
    const idle = await dial(port);
    let closed = 0;
    for (const socket of [client, idle]) {
      socket.on("error", () => {});
      socket.on("close", () => closed++);
    }
    await once(client, "data");
    client.resume();
    await until("both connections", () => rig.servers[0].connections === 2);
    assert.equal(rig.threads.alive().length, 1);

    assert.deepEqual(await rig.forwarder.stop(), { ports: 1, connections: 2 });
    assert.deepEqual(rig.threads.alive(), []);
    assert.deepEqual(rig.forwarder.ports, []);
    assert.ok(await refused(port));
    idle.resume();
    await until("the clients to see it", () => closed === 2);
    await until("the server to see it", () => rig.servers[0].connections === 0);

    const echo = await rig.serve(echoAfterEnd);
    await rig.forward(echo, "127.0.0.1");
    assert.equal(await ask(echo, "again"), "again and that was all");
    assert.equal(rig.threads.alive().length, 1);
  });

  it("stops at once while it starts, and twice at the same time", async () => {
    const port = await rig.serve(echoAfterEnd);
    rig.forwarder.set(new Map([[port, ["127.0.0.1"]]]));
    const stopped = rig.forwarder.stop();
    assert.equal(rig.forwarder.stop(), stopped);
    assert.throws(
      () => rig.forwarder.set(new Map([[port, ["127.0.0.1"]]])),
      /Cannot forward ports: the forwarder is being stopped/,
    );
    await stopped;
    assert.deepEqual(rig.threads.alive(), []);
    assert.ok(await refused(port));
    assert.deepEqual(await rig.forwarder.stop(), { ports: 0, connections: 0 });
  });

  it("ends a count that the worker has not answered as soon as it is stopped", async () => {
    rig.forwarder = rig.make(MUTE_WORKER_URL);
    rig.forwarder.set(
      new Map([[await rig.serve(echoAfterEnd), ["127.0.0.1"]]]),
    );
    const order: string[] = [];
    const counted = rig.forwarder.counts().then(() => order.push("counted"));
    const stopped = rig.forwarder.stop().then(() => order.push("stopped"));
    await Promise.all([counted, stopped]);
    assert.deepEqual(order, ["counted", "stopped"]);
  });

  it("ends a worker that does not answer, and says so", async () => {
    rig.forwarder = rig.make(MUTE_WORKER_URL);
    rig.forwarder.set(new Map([[1, ["127.0.0.1"]]]));
    await until("the thread", () => rig.threads.alive().length === 1);
    assert.deepEqual(await rig.forwarder.stop(), { ports: 0, connections: 0 });
    assert.deepEqual(rig.threads.alive(), []);
    assert.equal(rig.log.matching(/^warn .*did not answer in time/).length, 1);
  });

  it("ends such a worker at once when the signal says so", async () => {
    rig.forwarder = rig.make(MUTE_WORKER_URL);
    rig.forwarder.set(new Map([[1, ["127.0.0.1"]]]));
    await until("the thread", () => rig.threads.alive().length === 1);
    const abort = new AbortController();
    const stopped = rig.forwarder.stop(abort.signal);
    abort.abort();
    await stopped;
    assert.deepEqual(rig.threads.alive(), []);
  });

  // On Bun, the runtime itself waits for sockets.
  const onlyDeno = {
    skip: runtimeName() === "bun" && "only Deno has that pool",
  };

  it(
    "waits for the pool that still uses its descriptors",
    onlyDeno,
    async () => {
      const port = await rig.serve(echoAfterEnd);
      rig.forwarder = rig.make(BUSY_POOL_WORKER_URL, 30_000);
      await rig.forward(port, "127.0.0.1");
      await rig.forwarder.stop();
      assert.deepEqual(rig.threads.left, []);
      assert.deepEqual(waitsForSockets(), []);
    },
  );

  it("closes no descriptor before the pool has used it", onlyDeno, async () => {
    const port = await rig.serve(echoAfterEnd);
    const { held, left } = rig.threads;
    const hasLeft = () => left.some(({ kind }) => kind === "epoll");
    // On a busy machine, the pool may be free again before the stop.
    await until("a worker that ends before its pool", async () => {
      rig.forwarder = rig.make(BUSY_POOL_WORKER_URL, 1);
      await rig.forward(port, "127.0.0.1");
      await rig.forwarder.stop();
      return hasLeft();
    });
    assert.equal(held.at(-1)!.isWaiting, false);
    assert.deepEqual(held.at(-1)!.open(), []);
    assert.deepEqual(waitsForSockets(), []);
  });

  it("leaves nothing open of a worker that does not stop by itself", async () => {
    const port = await rig.serve(echoAfterEnd);
    const descriptors = () => readdirSync("/proc/self/fd").length;
    rig.forwarder = rig.make(DEAF_WORKER_URL);
    await rig.forward(port, "127.0.0.1");
    const client = await dial(port);
    client.on("error", () => {});
    client.resume();
    await until("the connection", () => rig.servers[0].connections === 1);
    const open = descriptors();
    await rig.forwarder.stop();
    assert.deepEqual(rig.threads.alive(), []);
    assert.deepEqual(waitsForSockets(), []);
    await until("its end", () => client.readableEnded || client.closed);
    client.destroy();
    await until("the server to see it", () => rig.servers[0].connections === 0);
    assert.ok(await refused(port));
    // The listener, its client and target, and the two ends in this test.
    await until("no descriptor", () => descriptors() <= open - 5);
  });

  it("sets everything up again after its worker died", async () => {
    const port = await rig.serve(echoAfterEnd);
    const targets = new Map([[port, ["127.0.0.1"]]]);
    let url = DYING_WORKER_URL;
    let started = 0;
    const { startWorker } = rig.threads.runtime;
    rig.threads.runtime.startWorker = (_url, events) => {
      started++;
      return startWorker(url, events);
    };
    rig.forwarder.set(targets);
    await until("the death", () => rig.log.matching(/^warn/).length === 1);
    assert.match(rig.log.lines[0], /dies of its first order/);
    assert.deepEqual(rig.forwarder.ports, []);
    url = WORKER_URL;
    await rig.forward(port, "127.0.0.1");
    assert.equal(await ask(port, "alive"), "alive and that was all");
    await rig.forwarder.stop();
    // Its last words may be all that is heard of the first: not its thread.
    assert.equal(started, 2);
    assert.deepEqual(rig.threads.alive(), []);
  });
});

/**
 * Threads of this process that wait for the sockets of a worker: in a call with its 256 events and its
 * 60 s (proc_pid_syscall(5)).
 */
function waitsForSockets(): string[] {
  return readdirSync("/proc/self/task").filter((tid) => {
    try {
      const call = readFileSync(`/proc/self/task/${tid}/syscall`, "utf8");
      return / 0x100 0xea60 /.test(call);
    } catch {
      return false; // ended in between
    }
  });
}
