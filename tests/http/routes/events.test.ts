import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { type Bindings, Exchange } from "../../../src/connections/exchange.ts";
import { events, type EventSources } from "../../../src/http/routes/events.ts";
import type { PortChange } from "../../../src/ports/forwarded_ports.ts";
import type { State } from "../../../src/lifecycle/machine.ts";

/** Keeps no connection, as for a unix socket. */
const closing: EventSources["tracker"] = {
  beginStream: () => Promise.resolve(undefined),
};

function appOf(sources: EventSources): Hono<{ Bindings: Bindings }> {
  return new Hono<{ Bindings: Bindings }>()
    .use(async (c, next) => {
      c.env = { exchange: new Exchange(undefined) };
      await next();
    })
    .get("/", (c) => events(c, sources));
}

test("a stream that is kept tells each change, until a recovery ends it", async () => {
  const watchers = new Set<() => void>();
  let state: State = "running";
  let isEnded = false;
  let end = () => {};
  const app = appOf({
    lifecycle: {
      get state() {
        return state;
      },
      operation: undefined,
      generation: 7,
      watch(watcher) {
        watchers.add(watcher);
        return () => void watchers.delete(watcher);
      },
    },
    tracker: {
      beginStream(_, close) {
        end = close;
        return Promise.resolve(() => void (isEnded = true));
      },
    },
  });
  // Without a host, it would be a request of HTTP/2, whose connection has others.
  const reply = await app.request("/", { headers: { host: "lull" } });
  for (const next of ["preparing", "quiesced"] as const) {
    state = next;
    for (const watcher of watchers) watcher();
  }
  assert.equal(isEnded, false);
  end();
  assert.equal(isEnded, true);
  assert.equal(watchers.size, 0);
  const text = await reply.text();
  assert.deepEqual(text.match(/"state":"\w+"/g), [
    '"state":"running"',
    '"state":"preparing"',
    '"state":"quiesced"',
  ]);
  assert.equal(text.match(/retry: 100\n/g)?.length, 3);
});

test("a stream of a guest that recovers tells each change, until a prepare", async () => {
  const watchers = new Set<() => void>();
  let state: State = "recovering";
  const lifecycle = {
    get state() {
      return state;
    },
    operation: undefined,
    generation: 7,
    watch(watcher: () => void) {
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
  };
  const app = appOf({ lifecycle, tracker: closing });
  const reply = await app.request("/");
  for (const next of ["running", "preparing"] as const) {
    state = next;
    for (const watcher of watchers) watcher();
  }
  assert.equal(watchers.size, 0);
  const text = await reply.text();
  assert.deepEqual(
    text.split("\n\n").slice(0, -1).map((block) => block.split("\n")),
    ([["recovering", 100], ["running", 100], ["preparing", 2000]] as const)
      .map(([state, retry]) => [
        `retry: ${retry}`,
        "event: state",
        `data: {"state":"${state}","generation":7}`,
      ]),
  );

  state = "running";
  const gone = await app.request("/");
  assert.equal(watchers.size, 1);
  await gone.body?.cancel();
  assert.equal(watchers.size, 0);
});

test("a stream has each change of the forwarded ports, and is left when it ends", async () => {
  const states = new Set<() => void>();
  const changes = new Set<(change: PortChange) => void>();
  let state: State = "running";
  const app = appOf({
    tracker: closing,
    lifecycle: {
      get state() {
        return state;
      },
      operation: undefined,
      generation: 1,
      watch(watcher) {
        states.add(watcher);
        return () => void states.delete(watcher);
      },
    },
    ports: {
      watch(watcher) {
        changes.add(watcher);
        return () => void changes.delete(watcher);
      },
    },
  });
  const reply = await app.request("/");
  const port = { port: 80, protocol: "tcp", targets: ["::1"] } as const;
  for (const watcher of changes) watcher({ change: "opened", ...port });
  state = "preparing";
  for (const watcher of states) watcher();
  assert.equal(changes.size, 0);
  const blocks = (await reply.text()).split("\n\n");
  assert.equal(
    blocks[1],
    'event: port\ndata: {"change":"opened","port":80,"protocol":"tcp","targets":["::1"]}',
  );
  assert.equal(blocks.length, 4);

  state = "running";
  const gone = await app.request("/");
  assert.equal(changes.size, 1);
  await gone.body?.cancel();
  assert.equal(changes.size, 0);
});
