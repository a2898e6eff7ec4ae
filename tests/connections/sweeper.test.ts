import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { Libc } from "../../src/linux/libc.ts";
import { realLibc } from "../support/libc.ts";
import type { Raw } from "../support/raw.ts";
import { serving } from "../support/serving.ts";
import { until } from "../support/until.ts";

describe("the sweeper", () => {
  let libc: Libc;
  before(async () => {
    libc = await realLibc();
  });

  test("closes those that idle longest beyond the limit, never a busy one", async () => {
    const one = await serving(libc, { maxConnections: 4 });
    try {
      const old = await one.connect(3);
      one.sweeper.sweep();
      const young = await one.connect(3);
      // The oldest one speaks: from now on it idles for the shortest time.
      await one.ask(old[0]);
      one.sweeper.sweep();
      await Promise.all([old[1].gone(), old[2].gone()]);
      assert.ok(!old[0].closed);
      assert.ok(young.every((raw) => !raw.closed));
      assert.deepEqual(one.said, Array(2).fill("more than 4 connections"));
    } finally {
      one.end();
    }
  });

  test("leaves half of the descriptors to others, whatever the limit says", async () => {
    const one = await serving(libc, { maxConnections: 1000, openFiles: 8 });
    try {
      const all = await one.connect(6);
      one.sweeper.sweep();
      await until(
        "two to go",
        () => all.filter((raw) => raw.closed).length === 2,
      );
      assert.deepEqual(one.said, Array(2).fill("more than 4 connections"));
    } finally {
      one.end();
    }
  });

  test("closes more than a turn of the loop can look at, on its timer", async () => {
    const one = await serving(libc, { maxConnections: 10, idleTimeoutMs: 400 });
    try {
      const all = await one.connect(120);
      one.sweeper.start();
      await until(
        "the limit",
        () => all.filter((raw) => raw.closed).length >= 110,
      );
      await Promise.all(all.map((raw) => raw.gone()));
      assert.ok(one.said.includes("idle for 400 ms"));
    } finally {
      one.end();
    }
  });

  test("leaves nothing to forget where each prepare comes before the next sweep", async () => {
    const one = await serving(libc, {});
    try {
      const [gone] = await one.connect(1);
      await one.ask(gone);
      const [{ peer }] = one.tracker.list();
      assert.equal(one.tracker.exchanges.served(peer), 1);
      gone.destroy();
      await until("its end", () => one.tracker.list().length === 0);
      await one.tracker.quiesce();
      assert.equal(one.tracker.exchanges.served(peer), 0);
      one.tracker.recover("keep");
    } finally {
      one.end();
    }
  });

  test("forgets what it served to connections that are gone, and only that", async () => {
    const one = await serving(libc, {});
    try {
      const [gone, stays] = await one.connect(2);
      await one.ask(gone);
      await one.ask(stays);
      await one.ask(stays);
      const peers = new Map(
        one.tracker.list().map(({ peer }) => [peer.port, peer]),
      );
      const served = (raw: Raw, port = raw.localPort) =>
        one.tracker.exchanges.served(peers.get(port)!);
      const port = gone.localPort;
      assert.equal(served(gone), 1);
      gone.destroy();
      await until("its end", () => one.tracker.list().length === 1);
      // A connection that comes while the sweep is under way keeps its count.
      const forget = one.tracker.exchanges.beginPrune();
      const [late] = await one.connect(1);
      await one.ask(late);
      const latePeer = one.tracker.list().find(({ peer }) =>
        peer.port === late.localPort
      )!.peer;
      forget([peers.get(stays.localPort)!]);
      assert.equal(served(gone, port), 0);
      assert.equal(served(stays), 2);
      assert.equal(one.tracker.exchanges.served(latePeer), 1);
    } finally {
      one.end();
    }
  });

  /** Serves by a C library that notes when each sweep begins: with the first descriptor. */
  async function timed(headerTimeoutMs: number) {
    const sweeps: number[] = [];
    const watching: Libc = {
      ...libc,
      getsockname(fd, ...rest) {
        if (fd === 0) sweeps.push(performance.now());
        return libc.getsockname!(fd, ...rest);
      },
    };
    return {
      ...await serving(libc, { libc: watching, headerTimeoutMs }),
      sweeps,
    };
  }

  test("rests while there is no connection", async () => {
    const one = await timed(600);
    try {
      one.sweeper.start();
      await until("two sweeps", () => one.sweeps.length === 2);
      // A quarter of the timeout lies between two sweeps otherwise.
      assert.ok(one.sweeps[1] - one.sweeps[0] > 1000, one.sweeps.join());
    } finally {
      one.end();
    }
  });

  test("a request ends its rest", async () => {
    const one = await timed(2000);
    try {
      one.sweeper.start();
      await until("the first sweep", () => one.sweeps.length === 1);
      const [raw] = await one.connect(1);
      await one.ask(raw);
      await until("the next one", () => one.sweeps.length === 2);
      assert.ok(one.sweeps[1] - one.sweeps[0] < 12_000, one.sweeps.join());
    } finally {
      one.end();
    }
  });

  test("a connection that sends half a request during its rest is closed", async () => {
    const one = await timed(200);
    try {
      one.sweeper.start();
      await until("its rest", () => one.sweeps.length === 1);
      const [raw] = await one.connect(1);
      raw.send("GET");
      await raw.gone();
      assert.deepEqual(one.said, ["no whole header within 200 ms"]);
    } finally {
      one.end();
    }
  });

  test("without a C library it does nothing and fails nothing", async () => {
    const one = await serving({}, { maxConnections: 1, idleTimeoutMs: 1 });
    try {
      one.sweeper.sweep();
      assert.deepEqual(one.said, []);
    } finally {
      one.end();
    }
  });

  test("a sweep that fails is said, and the next one works", async () => {
    let broken = true;
    let warned = 0;
    const failing: Libc = {
      ...libc,
      getsockopt: (...args) => broken ? -1 : libc.getsockopt!(...args),
    };
    const one = await serving(libc, {
      libc: failing,
      idleTimeoutMs: 200,
      log: { debug() {}, warn: () => warned++ },
    });
    try {
      const [raw] = await one.connect(1);
      one.sweeper.start();
      await until("the complaint", () => warned > 0);
      broken = false;
      await raw.gone();
    } finally {
      one.end();
    }
  });
});

describe("the limit of requests", () => {
  test("the last reply says so and closes", async () => {
    const one = await serving(await realLibc(), {}, 3);
    try {
      const [raw] = await one.connect(1);
      for (let i = 1; i <= 3; i++) {
        const reply = await one.ask(raw);
        assert.equal(
          reply.headers.get("connection") === "close",
          i === 3,
          `reply ${i}`,
        );
      }
      await raw.gone();
    } finally {
      one.end();
    }
  });
});
