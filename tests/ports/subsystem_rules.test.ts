/**
 * Requests about ports that a prepare overtakes: they are answered at once, and nothing is lost.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { listPorts } from "../../src/ports/port_list.ts";
import type { Targets } from "../../src/ports/scanner.ts";
import { until } from "../support/until.ts";
import { Scanning } from "./scanning.ts";

/** Reports of a kernel that has nothing to report. */
const NO_CHANGES = {
  isComplete: true,
  start: () => false,
  pause() {},
  [Symbol.dispose]() {},
};

describe("a prepare during a request", () => {
  let rig: Scanning;
  /** Finishes the scans that have begun. */
  let finish: (() => void)[];
  beforeEach(async () => {
    rig = await Scanning.start();
    finish = [];
  });
  afterEach(async () => {
    for (const one of finish) one();
    await rig.end();
  });

  /** A subsystem whose scans take until `finish` is called, and find one port. */
  function make(): void {
    rig.ports = rig.make({
      openReports: () => NO_CHANGES,
      hasAddress: () => true,
      scanner: {
        scan: () =>
          new Promise<Targets>((resolve) => {
            finish.push(() => resolve(new Map([[1, ["127.0.0.1"]]])));
          }),
        close() {},
      },
    });
  }

  it("ends the wait for new rules", async () => {
    make();
    rig.ports.start();
    await until("a scan", () => finish.length === 1);
    const order: string[] = [];
    const applied = rig.ports.setRules({ include: ["2"], exclude: [] })
      .then(() => order.push("answered"));
    const stopped = rig.ports.stop().then(() => order.push("stopped"));
    await applied;
    assert.deepEqual(order, ["answered"]);
    finish[0]();
    await stopped;
  });

  it("loses no rules: the next start does not forward by the old ones", async () => {
    make();
    rig.ports.start();
    await until("a scan", () => finish.length === 1);
    finish[0]();
    await until("its end", () => rig.status(1) !== undefined);
    const applied = rig.ports.setRules({ include: ["2"], exclude: [] });
    const stopped = rig.ports.stop();
    for (const one of finish) one();
    await Promise.all([applied, stopped]);
    const scans = finish.length;
    rig.ports.start();
    await until("another scan", () => finish.length > scans);
    finish.at(-1)!();
    await until("a worker or none", () => rig.ports.addresses.length > 0);
    assert.equal(rig.status(1), undefined);
  });

  it("ends the search for the processes of ports", async () => {
    const port = await rig.listen("127.0.0.1");
    rig.ports.start();
    await rig.forwarded(port);
    const listing = listPorts(rig.ports);
    const stopped = rig.ports.stop();
    const { ports, isComplete } = await listing;
    assert.equal(isComplete, false);
    assert.deepEqual(ports.map((one) => one.port), [port]);
    await stopped;
  });
});
