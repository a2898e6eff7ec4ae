import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { until } from "../support/until.ts";
import { ask, echoAfterEnd, FORWARD_ADDRESS, TestServer } from "./net.ts";
import { Scanning } from "./scanning.ts";

/** Of TEST-NET-1 (RFC 5737), next to no machine's own. */
const NOWHERE = "192.0.2.254";

describe("PortSubsystem", () => {
  let rig: Scanning;

  beforeEach(async () => void (rig = await Scanning.start()));
  afterEach(() => rig.end());

  it("forwards a port that opens, and gives it up when it closes", async () => {
    // the scanner that it makes itself: finds the ports of others, too
    rig.ports = rig.make({ scanner: undefined });
    rig.ports.start();
    rig.ports.start();
    const port = await rig.listen("127.0.0.1");
    await rig.forwarded(port);
    assert.equal(await ask(port, "hello"), "hello and that was all");
    assert.equal(rig.ports.status().state, "running");
    const { targets, ...rest } = rig.status(port)!;
    assert.deepEqual(rest, { port, listening: true });
    // Another agent of this machine may forward the same port from its own address.
    assert.ok(targets.includes("127.0.0.1"), targets.join());
    await rig.server.close();
    await until("the port to be gone", () => rig.status(port) === undefined);
    assert.equal(rig.threads.threads.length, 1);
  });

  it("never forwards its own port", async () => {
    const port = await rig.listen("127.0.0.1");
    rig.own = [port];
    const other = new TestServer(echoAfterEnd);
    try {
      const shared = await other.listen("127.0.0.1");
      rig.mine.add(shared);
      rig.ports.start();
      await rig.forwarded(shared);
      assert.equal(rig.status(port), undefined);
    } finally {
      await other.close();
    }
  });

  it("tries a taken port again at each scan", async () => {
    const taker = new TestServer(() => {});
    try {
      const port = await taker.listen(FORWARD_ADDRESS);
      await rig.listen("127.0.0.1", port);
      rig.ports.start();
      await until(
        "the failure",
        () => rig.status(port)?.error === "EADDRINUSE",
      );
      await taker.close();
      await rig.forwarded(port);
      assert.equal(await ask(port, "mine"), "mine and that was all");
    } finally {
      await taker.close();
    }
  });

  it("rests while no interface has the address, and says so once", async () => {
    let looks = 0;
    let there = false;
    rig.ports = rig.make({
      hasAddress: () => {
        looks++;
        return there;
      },
    });
    const port = await rig.listen("127.0.0.1");
    rig.ports.start();
    await until("some looks", () => looks > 3);
    assert.deepEqual(rig.ports.status(), { state: "resting", ports: [] });
    await rig.ports.stop();
    rig.ports.start();
    const before = looks;
    await until("more looks", () => looks > before + 3);
    assert.deepEqual(rig.log.lines, [
      `info port forwarding rests: no interface has ${FORWARD_ADDRESS}`,
    ]);
    assert.deepEqual(rig.threads.threads, []);

    there = true;
    await rig.forwarded(port);
    assert.equal(rig.ports.status().state, "running");
    assert.equal(await ask(port, "woken"), "woken and that was all");

    there = false;
    await until("rest", () => rig.ports.status().state === "resting");
    assert.deepEqual(rig.ports.status().ports, []);
  });

  it("asks the kernel for the address", async () => {
    rig.ports = rig.make({ forwardAddresses: [NOWHERE] });
    rig.ports.start();
    await until("rest", () => rig.ports.status().state === "resting");
    assert.equal(rig.log.lines.length, 1);
  });
});
