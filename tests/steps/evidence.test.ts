import assert from "node:assert/strict";
import { test } from "node:test";
import type { Done } from "../../src/lifecycle/step.ts";
import { evidenceStep, GRACE_MS } from "../../src/steps/evidence.ts";
import { deferred } from "../support/deferred.ts";
import { contextOf } from "../support/recovery.ts";
import { until } from "../support/until.ts";

/** An observer whose fork the test makes. */
function fakeObserver(watchable = true) {
  const seen: string[] = [];
  let onFork = () => {};
  return {
    seen,
    fork: () => onFork(),
    mark: () => void seen.push("mark"),
    watch(callback: () => void) {
      if (!watchable) throw new Error("Cannot read the kernel log: EPERM");
      seen.push("watch");
      onFork = callback;
    },
    unwatch: () => void seen.push("unwatch"),
  };
}

async function quiesce(
  observer: ReturnType<typeof fakeObserver>,
  recover: () => void,
  queue = deferred(),
  waitsForHost = true,
): Promise<Done> {
  const { signal } = new AbortController();
  const step = evidenceStep(observer, recover, queue, { waitsForHost });
  return await step.quiesce({
    operation: "op",
    generation: 0,
    kind: "full",
    signal,
  }) as Done;
}

test("a fork recovers by itself, after the host's grace", async () => {
  const observer = fakeObserver();
  let recovered = 0;
  const { effect } = await quiesce(observer, () => recovered++);
  assert.deepEqual(effect, { watching: true });
  assert.deepEqual(observer.seen, ["mark", "watch"]);
  const start = performance.now();
  observer.fork();
  assert.equal(recovered, 0);
  await until("the recovery", () => recovered);
  assert.ok(performance.now() - start >= GRACE_MS - 1);
});

test("a fork that finds its data itself waits for no host, and for no deferred work", async () => {
  const observer = fakeObserver();
  const queue = deferred();
  queue.schedule();
  const order: string[] = [];
  await quiesce(observer, () => order.push("recovery"), queue, false);
  setTimeout(() => order.push("grace"), GRACE_MS - 1);
  observer.fork();
  assert.equal(order.length, 0); // in the callback of the watch
  await until("the recovery", () => order.includes("recovery"));
  assert.equal(order[0], "recovery");
  queue.flush();
});

test("a fork whose recovery began meanwhile is not recovered again", async () => {
  const observer = fakeObserver();
  let recovered = 0;
  const { undo } = await quiesce(
    ...[observer, () => recovered++, deferred(), true] as const,
  );
  observer.fork();
  await undo!({} as never);
  await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(recovered, 0);
});

test("a turn that comes by itself is no longer grace", async () => {
  const observer = fakeObserver();
  const queue = deferred();
  const order: string[] = [];
  await quiesce(observer, () => order.push("recovery"), queue);
  queue.schedule();
  // The whole of it once more, behind the turn.
  queue.defer(() => setTimeout(() => order.push("again"), GRACE_MS - 1));
  observer.fork();
  const start = performance.now();
  await until("the recovery", () => order.includes("recovery"));
  assert.ok(performance.now() - start >= GRACE_MS - 1);
  assert.equal(order[0], "recovery");
});

test("a host that calls before a turn is the one that recovers", async () => {
  const observer = fakeObserver();
  const queue = deferred();
  let recovered = 0;
  const { undo } = await quiesce(observer, () => recovered++, queue);
  queue.schedule();
  observer.fork();
  await undo!(contextOf({}));
  queue.flush();
  let over = false;
  setTimeout(() => over = true, GRACE_MS + 50);
  await until("the end of the grace", () => over);
  assert.equal(recovered, 0);
});

test("a host that calls within the grace is the one that recovers", async () => {
  const observer = fakeObserver();
  let recovered = 0;
  const { undo } = await quiesce(observer, () => recovered++);
  observer.fork();
  await undo!(contextOf({}));
  let queue = false;
  setTimeout(() => queue = true, GRACE_MS + 50);
  await until("the end of the grace", () => queue);
  assert.equal(recovered, 0);
  assert.deepEqual(observer.seen, ["mark", "watch", "unwatch"]);
});

test("a log that cannot be watched is told, and is no failure", async () => {
  const { effect, undo } = await quiesce(fakeObserver(false), () => {});
  assert.deepEqual(effect, {
    watching: false,
    reason: "Cannot read the kernel log: EPERM",
  });
  assert.ok(undo);
});
