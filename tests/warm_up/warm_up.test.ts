import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DeferredQueue } from "../../src/util/deferred_queue.ts";
import { WarmUp, type WarmUpOptions } from "../../src/warm_up/warm_up.ts";
import { deferred } from "../support/deferred.ts";
import { until } from "../support/until.ts";

function warmUp(seen: string[], options: Partial<WarmUpOptions> = {}): WarmUp {
  return new WarmUp({
    dryRun() {
      seen.push("dry run");
      return Promise.resolve([]);
    },
    program: {
      pageOut: () => void seen.push("out"),
      record: () => void seen.push("learn"),
    },
    warn: (why) => void seen.push(why),
    onError: (error) => void seen.push(String(error)),
    queue: deferred(),
    ...options,
  });
}

const WHOLE = [
  ...["dry run", "out", "dry run", "learn"],
];

function comesNoMore(
  warm: WarmUp,
  nextTurn: DeferredQueue,
  seen: string[],
): void {
  warm.replied();
  nextTurn.flush();
  assert.equal(warm.ended(), undefined);
  assert.deepEqual(seen, WHOLE);
}

describe("the warm-up", () => {
  test("comes after the first reply, and once", async () => {
    const seen: string[] = [];
    const nextTurn = deferred();
    const warm = warmUp(seen, { queue: nextTurn });
    warm.start();
    warm.replied();
    assert.deepEqual(seen, [], "a reply waits for nothing");
    await until("the end of it", () => seen.length === WHOLE.length);
    await warm.ended();
    assert.deepEqual(seen, WHOLE);
    comesNoMore(warm, nextTurn, seen);
  });

  test("comes without a request, too", async () => {
    const seen: string[] = [];
    const warm = warmUp(seen);
    warm.start();
    await until("the end of it", () => seen.length === WHOLE.length);
  });

  test("a caller that waits for it meets no dry run", async () => {
    const seen: string[] = [];
    const { promise, resolve } = Promise.withResolvers<string[]>();
    const warm = warmUp(seen, { dryRun: () => promise, program: undefined });
    warm.start();
    warm.replied();
    const ended = warm.ended();
    resolve(["a repair would fail"]);
    await ended;
    assert.deepEqual(seen, ["a repair would fail"], "told once");
    assert.equal(warm.ended(), undefined);
  });

  test("comes at once where a prepare is the first request", async () => {
    const seen: string[] = [];
    const nextTurn = deferred();
    const warm = warmUp(seen, { queue: nextTurn });
    warm.start();
    await warm.ended();
    assert.deepEqual(seen, WHOLE);
    comesNoMore(warm, nextTurn, seen);
  });

  test("comes before a prepare that follows the first reply at once", async () => {
    const seen: string[] = [];
    const nextTurn = deferred();
    const warm = warmUp(seen, { queue: nextTurn });
    warm.start();
    warm.replied();
    const ended = warm.ended();
    nextTurn.flush();
    await ended;
    assert.deepEqual(seen, WHOLE);
  });

  test("leaves a prepare alone that came before it could", () => {
    const seen: string[] = [];
    const nextTurn = deferred();
    const warm = warmUp(seen, { queue: nextTurn });
    assert.equal(warm.ended(), undefined);
    warm.start();
    warm.replied();
    nextTurn.flush();
    assert.deepEqual([warm.ended(), seen], [undefined, []]);
  });

  test("says why it failed", async () => {
    const seen: string[] = [];
    const warm = warmUp(seen, {
      dryRun: () => Promise.reject(new Error("no memory")),
    });
    warm.start();
    warm.replied();
    await until("the word", () => seen.length > 0);
    assert.deepEqual(seen, ["Error: no memory"]);
  });
});
