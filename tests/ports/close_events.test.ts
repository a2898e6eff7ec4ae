/** A kernel without BPF: each forwarded port is bound, and released when its server closes. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import { CloseEvents } from "../../src/ports/close_events.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { realLibc } from "../support/libc.ts";
import { median } from "../bench/stats.ts";
import { until } from "../support/until.ts";
import { refused } from "./forwarding.ts";
import { Scanning } from "./scanning.ts";

describe("the kernel's reports of closed listeners", () => {
  let rig: Scanning;

  beforeEach(async () => void (rig = await Scanning.start()));
  afterEach(() => rig.end());

  it("release a port long before the next scan", async () => {
    const { libc, runtime } = rig.threads;
    rig.ports = rig.make({
      steer: false,
      // The scans are far apart: only a report leads to one.
      scanIntervalMs: 40_000,
      openReports: (callbacks) =>
        new CloseEvents({ libc, runtime, ...callbacks }),
    });
    const port = await rig.listen("127.0.0.1");
    rig.ports.start();
    await rig.forwarded(port);
    const start = performance.now();
    await rig.server.close();
    await until("the port to be released", () => refused(port));
    const ms = performance.now() - start;
    assert.ok(ms < 5000, `${ms} ms`);
  });

  it("do not wake this process for connections, nor while they pause", async () => {
    let events = 0;
    const times: number[] = [];
    let closed = 0;
    const reports = new CloseEvents({
      libc: await realLibc(),
      runtime: await loadRuntime(),
      onEvent() {
        events++;
        if (closed > 0) times.push(performance.now() - closed);
        closed = 0;
      },
      onError: (error) => assert.fail(String(error)),
    });
    try {
      reports.start();
      for (let i = 0; i < 10; i++) {
        const server = createServer();
        await once(server.listen(0, "127.0.0.1"), "listening");
        const before = events;
        closed = performance.now();
        server.close();
        await until("a report", () => events > before);
      }
      assert.ok(median(times) < 200, `${median(times)} ms`);
      reports.pause();
      const before = events;
      const server = createServer();
      await once(server.listen(0, "127.0.0.1"), "listening");
      server.close();
      reports.start();
      assert.equal(events, before);
    } finally {
      reports[Symbol.dispose]();
    }
  });
});
