import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { Targets } from "../../src/ports/scanner.ts";
import { descriptorsOf } from "../support/descriptors.ts";
import { until } from "../support/until.ts";
import { ask, dial, FORWARD_ADDRESS } from "./net.ts";
import { Scanning } from "./scanning.ts";

describe("PortSubsystem", () => {
  let rig: Scanning;

  beforeEach(async () => void (rig = await Scanning.start()));
  afterEach(() => rig.end());

  it("does nothing before start", () => {
    assert.deepEqual(rig.ports.status(), { state: "stopped", ports: [] });
    assert.deepEqual(rig.threads.threads, []);
  });

  it("scans in a later turn, and not at all where it was stopped before", async () => {
    const turns: (() => void)[] = [];
    const queue = { defer: (action: () => void) => void turns.push(action) };
    let scans = 0;
    const scan = () => {
      scans++;
      return new Map();
    };
    rig.ports = rig.make({ queue, scanner: { scan, close() {} } });
    rig.ports.start();
    assert.equal(rig.ports.status().state, "running");
    await rig.ports.stop();
    rig.ports.start();
    assert.equal(scans, 0);
    for (const turn of turns) turn();
    await until("a scan", () => scans > 0);
    assert.equal(scans, 1, "the first start was taken back");
  });

  it("does not scan at the next start if the kernel knows of no change, and knows its addresses", async () => {
    let scans = 0;
    const scan = () => {
      scans++;
      return new Map();
    };
    rig.ports = rig.make({
      scanner: { scan, close() {} },
      hasAddress: () => true,
      openReports: () => ({
        isComplete: true,
        start: () => false,
        pause() {},
        [Symbol.dispose]() {},
      }),
    });
    for (let start = 1; start <= 3; start++) {
      rig.ports.start();
      await until("the addresses", () => rig.ports.addresses.length > 0);
      assert.deepEqual(rig.ports.addresses, [FORWARD_ADDRESS]);
      await rig.ports.stop();
      assert.deepEqual(rig.ports.addresses, []);
    }
    assert.equal(scans, 1);
    assert.deepEqual(rig.threads.threads, []);
  });

  it("leaves nothing behind after stop, and starts again", async () => {
    const port = await rig.listen("127.0.0.1");
    for (let round = 0; round < 3; round++) {
      rig.ports.start();
      await rig.forwarded(port);
      const client = await dial(port);
      client.on("error", () => {});
      await until("the connection", () => rig.server.connections === 1);
      assert.equal(openTables(), 2);

      const effect = await rig.ports.stop();
      assert.deepEqual(effect, { ports: 1, connections: 1 });
      assert.deepEqual(rig.ports.status(), { state: "stopped", ports: [] });
      assert.deepEqual(rig.threads.alive(), []);
      assert.equal(openTables(), 0);
      await assert.rejects(dial(port), { code: "ECONNREFUSED" });
      await until("the server to see it", () => rig.server.connections === 0);
      assert.deepEqual(await rig.ports.stop(), { ports: 0, connections: 0 });
    }
    assert.equal(rig.threads.threads.length, 3);
  });

  it("keeps to the last word of starts and stops in a row", async () => {
    const port = await rig.listen("127.0.0.1");
    rig.ports.start();
    await rig.forwarded(port);
    const stopped = rig.ports.stop();
    rig.ports.start();
    rig.ports.stop();
    rig.ports.start();
    await stopped;
    await rig.forwarded(port);
    assert.equal(await ask(port, "still"), "still and that was all");
    rig.ports.start();
    await rig.ports.stop();
    assert.equal(rig.ports.status().state, "stopped");
    assert.deepEqual(rig.threads.alive(), []);
  });

  it("ends a scan in flight before stop resolves, and ignores what it found", async () => {
    let finish: ((targets: Targets) => void) | undefined;
    let scans = 0;
    const closed: number[] = [];
    rig.ports = rig.make({
      scanner: {
        scan() {
          scans++;
          return new Promise<Targets>((resolve) => finish = resolve);
        },
        close: () => closed.push(scans),
      },
    });
    rig.ports.start();
    await until("a scan", () => finish !== undefined);
    let done = false;
    const stopped = rig.ports.stop().then(() => done = true);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(done, false);
    assert.deepEqual(closed, []);
    finish?.(new Map([[1, ["127.0.0.1"]]]));
    await stopped;
    assert.deepEqual(closed, [1]);
    assert.deepEqual(rig.ports.status().ports, []);
    assert.deepEqual(rig.threads.threads, []);
  });

  it("stops while a scan waits for the one before it", async () => {
    const finish: (() => void)[] = [];
    rig.ports = rig.make({
      scanner: {
        scan: () =>
          new Promise((resolve) => {
            finish.push(() => resolve(new Map()));
          }),
        close() {},
      },
    });
    rig.ports.start();
    await until("a scan", () => finish.length === 1);
    const rules = { include: ["1"], exclude: [] };
    const applied = rig.ports.setRules(rules);
    let stopped = false;
    const stopping = rig.ports.stop().then(() => stopped = true);
    finish[0]();
    await until("the stop", () => stopped);
    await Promise.all([applied, stopping]);
    assert.equal(finish.length, 1, "the second scan did not begin");
    assert.deepEqual(rig.ports.rules, rules);
  });

  it("scans on after a scan that failed, and reports it once", async () => {
    let scans = 0;
    rig.ports = rig.make({
      scanIntervalMs: 1,
      scanner: {
        scan() {
          scans++;
          throw new Error("no table");
        },
        close() {},
      },
    });
    rig.ports.start();
    await until("more scans", () => scans > 3);
    assert.deepEqual(rig.log.lines, ["warn Cannot scan for ports: no table"]);
  });
});

/** How many descriptors of /proc/net/tcp and tcp6 this process has open. */
function openTables(): number {
  return descriptorsOf((path) => /\/net\/tcp6?$/.test(path));
}
