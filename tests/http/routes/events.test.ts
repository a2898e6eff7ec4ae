import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { events } from "../../../src/http/routes/events.ts";
import type { State } from "../../../src/lifecycle/machine.ts";

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
  const app = new Hono().get("/", (c) => events(c, lifecycle));
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
