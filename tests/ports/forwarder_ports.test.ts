import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Forwarder } from "../../src/ports/forwarder.ts";
import { until } from "../support/until.ts";
import { Forwarding, refused } from "./forwarding.ts";
import {
  ask,
  dial,
  echoAfterEnd,
  FORWARD_ADDRESS,
  noIpv6,
  readText,
  STOP_LIMIT_MS,
  TestServer,
  WORKER_URL,
} from "./net.ts";

describe("Forwarder", () => {
  let rig: Forwarding;

  beforeEach(async () => void (rig = await Forwarding.start()));
  afterEach(() => rig.end());

  it("forwards to ::1", { skip: noIpv6 }, async () => {
    const port = await rig.serve(echoAfterEnd, "::1");
    await rig.forward(port, "::1");
    assert.equal(await ask(port, "six"), "six and that was all");
  });

  it(
    "tries the next target when the first refuses, and loses nothing of what was sent meanwhile",
    {
      skip: noIpv6,
    },
    async () => {
      const port = await rig.serve(echoAfterEnd, "::1");
      await rig.forward(port, "127.0.0.1", "::1");
      const text = "x".repeat(100_000);
      assert.equal(await ask(port, text), text + " and that was all");
    },
  );

  it("applies other targets to a port that it forwards", {
    skip: noIpv6,
  }, async () => {
    const port = await rig.serve(echoAfterEnd, "::1");
    await rig.forward(port, "127.0.0.1");
    rig.forwarder.set(new Map([[port, ["::1"]]]));
    await until("the new target to be dialled", async () => {
      // resets until the worker has heard of it
      const reply = await ask(port, "moved").catch(() => undefined);
      return reply === "moved and that was all";
    });
    assert.deepEqual(rig.forwarder.ports, [
      { port, targets: ["::1"], listening: true },
    ]);
  });

  it("tries again at the next scan if no thread can be started", async () => {
    const { runtime, libc } = rig.threads;
    let free = false;
    await rig.forwarder.stop();
    rig.forwarder = new Forwarder({
      forwardAddresses: [FORWARD_ADDRESS],
      workerUrl: WORKER_URL,
      libc,
      runtime: {
        startWorker(url, events) {
          if (free) return runtime.startWorker(url, events);
          throw Object.assign(new Error("none"), { code: "EMFILE" });
        },
      },
      log: rig.log,
    });
    rig.made.push(rig.forwarder);
    const port = await rig.serve(echoAfterEnd);
    const targets = ["127.0.0.1"];
    const error = "EMFILE";
    for (let scan = 0; scan < 2; scan++) {
      rig.forwarder.set(new Map([[port, targets]]));
      assert.deepEqual(rig.forwarder.ports, [
        { port, targets, listening: false, error },
      ]);
    }
    assert.deepEqual(rig.log.lines, [
      `warn Cannot listen on ${FORWARD_ADDRESS}:${port}: EMFILE`,
    ]);
    rig.forwarder.set(new Map());
    assert.deepEqual(rig.forwarder.ports, []);
    rig.forwarder.set(new Map([[port, targets]]));
    const stopped = await rig.forwarder.stop();
    assert.deepEqual(stopped, { ports: 0, connections: 0 });
    assert.deepEqual(rig.forwarder.ports, []);
    free = true;
    await rig.forward(port, "127.0.0.1");
    assert.equal(await ask(port, "now"), "now and that was all");
  });

  it("resets a client whose targets all refuse", async () => {
    const port = await rig.serve(() => {});
    await rig.servers.pop()?.close();
    await rig.forward(port, "127.0.0.1");
    // The reset may come before this end knows that it is connected.
    const client = connect({ host: FORWARD_ADDRESS, port });
    const [error] = await once(client, "error");
    assert.equal(error.code, "ECONNRESET");
  });

  it("reports a taken port once, tries again, and gets it when it is free", async () => {
    await rig.forwarder.stop();
    // The kernel says that the port is taken: a listener on each port.
    rig.forwarder = rig.make(WORKER_URL, STOP_LIMIT_MS, false);
    const port = await rig.serve(echoAfterEnd);
    const taker = new TestServer(() => {});
    await taker.listen(FORWARD_ADDRESS, port);
    const targets = new Map([[port, ["127.0.0.1"]]]);
    const failed = { port, targets: ["127.0.0.1"], listening: false };
    try {
      rig.forwarder.set(targets);
      await until(
        "the failure",
        () => rig.forwarder.ports[0].error !== undefined,
      );
      for (let scan = 0; scan < 3; scan++) rig.forwarder.set(targets);
      // a round trip: another port is set up after all of these have failed
      const other = await rig.serve(echoAfterEnd);
      rig.forwarder.set(new Map([...targets, [other, ["127.0.0.1"]]]));
      await until("the other port", () => rig.listening(other));
      assert.deepEqual(
        rig.forwarder.ports.find((one) => one.port === port),
        { ...failed, error: "EADDRINUSE" },
      );
      assert.deepEqual(rig.log.matching(/^warn/), [
        `warn Cannot listen on ${FORWARD_ADDRESS}:${port}: EADDRINUSE`,
      ]);
    } finally {
      await taker.close();
    }
    await until("the port to be forwarded", () => {
      rig.forwarder.set(targets);
      return rig.listening(port);
    });
    assert.equal(await ask(port, "at last"), "at last and that was all");
  });

  it("stops listening on a port that is gone, and lets its connections live", async () => {
    const port = await rig.serve(echoAfterEnd);
    await rig.forward(port, "127.0.0.1");
    const client = await dial(port);
    client.write("still ");
    await until("the connection", () => rig.servers[0].connections === 1);
    rig.forwarder.set(new Map());
    assert.deepEqual(rig.forwarder.ports, []);
    await until("the port to be closed", () => refused(port));
    client.end("here");
    assert.equal(await readText(client), "still here and that was all");
  });

  it("works on when a port closes and opens again unseen", async () => {
    const port = await rig.serve(echoAfterEnd);
    await rig.forward(port, "127.0.0.1");
    assert.equal(await ask(port, "one"), "one and that was all");
    await rig.servers.pop()?.close();
    await rig.serve(echoAfterEnd, "127.0.0.1", port);
    assert.equal(await ask(port, "two"), "two and that was all");
  });
});
