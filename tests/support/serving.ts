/**
 * A server with the keeper of its connections, and a sweeper, in this process.
 * @module
 */
import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import type { Libc } from "../../src/linux/libc.ts";
import { hideUnsentConnections, listenersOn } from "../../src/linux/listen.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import type { Exchange } from "../../src/connections/exchange.ts";
import { ConnectionTracker } from "../../src/connections/tracker.ts";
import { Listeners } from "../../src/http/listeners.ts";
import { Sweeper, type SweeperOptions } from "../../src/connections/sweeper.ts";
import { deferred } from "./deferred.ts";
import { Raw } from "./raw.ts";
import { until } from "./until.ts";

/** Serves, and holds the connections of a test. */
export async function serving(
  libc: Libc,
  options: Partial<SweeperOptions>,
  maxRequestsPerConnection = 1000,
  answer: (
    exchange: Exchange,
    tracker: ConnectionTracker,
  ) => Promise<Response> = () => Promise.resolve(new Response("x")),
) {
  const listeners = new Listeners(await loadRuntime());
  const said: string[] = [];
  const queue = deferred();
  const tracker = new ConnectionTracker({
    libc,
    listening: () => listeners,
    maxRequestsPerConnection,
    closeIdle() {},
    queue,
    onError: (error) => said.push(String(error)),
  });
  let held: Promise<void> | undefined;
  const fetch = tracker.wrap(async (_, exchange) => {
    await held;
    return await answer(exchange, tracker);
  });
  await listeners.open([{ host: "127.0.0.1", port: 0 }], { fetch });
  const [port] = listeners.ports;
  // Not the keeper's: it would hide again, at the quiesce, who says nothing.
  hideUnsentConnections(libc, listenersOn(libc, [port]), false);
  const sweeper = new Sweeper({
    libc,
    listening: () => listeners,
    exchanges: tracker.exchanges,
    headerTimeoutMs: 60_000,
    idleTimeoutMs: 60_000,
    maxConnections: 1000,
    log: { debug: (_, fields) => said.push(String(fields?.why)), warn() {} },
    ...options,
  });
  const open: Raw[] = [];
  return {
    tracker,
    queue,
    port,
    sweeper,
    said,
    /** As Deno does after it had no descriptor left. */
    async listenAnew(): Promise<void> {
      listeners.stop();
      await until("its end", () => listenersOn(libc, [port]).length === 0);
      // The new socket gets another number.
      const holder = openSync("/dev/null", "r");
      await listeners.open([{ host: "127.0.0.1", port }], { fetch });
      closeSync(holder);
      tracker.listen();
    },
    async connect(count: number): Promise<Raw[]> {
      const opened = await Promise.all(
        Array.from({ length: count }, () => Raw.open(port)),
      );
      open.push(...opened);
      // By their ports: others may close meanwhile.
      await until("them", () => {
        const known = new Set(tracker.list().map(({ peer }) => peer.port));
        return opened.every((raw) => known.has(raw.localPort));
      });
      return opened;
    },
    /** Replies wait until this is called back. */
    hold(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return resolve;
    },
    async ask(raw: Raw) {
      raw.request("GET", "/");
      const reply = await raw.response();
      assert.equal(reply.status, 200);
      return reply;
    },
    end() {
      sweeper.stop();
      for (const raw of open) raw.destroy();
      listeners.stop();
    },
  };
}
