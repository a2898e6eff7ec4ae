import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { IdleCollector } from "../../src/memory/idle_collector.ts";
import { until } from "../support/until.ts";

const QUIET_MS = 10;

/** A collector that counts its collections. */
function counted(longestMs = 30_000) {
  const count = { collections: 0 };
  const idle = new IdleCollector({
    collect: () => Promise.resolve(++count.collections > 0),
    onError: (error) => assert.fail(String(error)),
    quietMs: QUIET_MS,
    longestMs,
  });
  return { idle, count };
}

describe("the idle collector", () => {
  it("collects once after work, and again only after more work", async () => {
    const { idle, count } = counted();
    const other = counted();
    idle.worked();
    await until("a collection", () => count.collections === 1);
    // A second collector shows that the time of a collection has passed.
    other.idle.worked();
    await until("the other collection", () => other.count.collections === 1);
    assert.equal(count.collections, 1);
    idle.worked();
    await until("another collection", () => count.collections === 2);
  });

  it("collects although there is always work", async () => {
    const { idle, count } = counted(5 * QUIET_MS);
    await until("a collection", () => {
      idle.worked();
      return count.collections > 0;
    });
  });

  it("counts the garbage from before as work when it resumes, unless that was collected", async () => {
    const { idle, count } = counted();
    const collected = counted();
    for (const one of [idle, collected.idle]) {
      one.worked();
      one.pause();
      one.worked();
    }
    collected.idle.resume(true);
    idle.resume(false);
    await until("a collection", () => count.collections === 1);
    assert.equal(collected.count.collections, 0);
    collected.idle.worked();
    await until("its collection", () => collected.count.collections === 1);
  });
});
