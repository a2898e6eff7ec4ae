import assert from "node:assert/strict";
import { test } from "node:test";
import { ScanTimer } from "../../src/ports/scan_timer.ts";
import { until } from "../support/until.ts";

/** Timers that never fire, and their times, until `restore`. */
function recordedTimers() {
  const waits: number[] = [];
  const { setTimeout } = globalThis;
  globalThis.setTimeout =
    ((_: unknown, ms: number) =>
      void waits.push(ms)) as unknown as typeof setTimeout;
  return { waits, restore: () => void (globalThis.setTimeout = setTimeout) };
}

test("a reported change is scanned at once, and once more soon after", async () => {
  const timer = new ScanTimer(60_000);
  const times: number[] = [];
  timer.start(() => {
    times.push(performance.now());
    timer.begin();
    timer.ended({ tookMs: 0, changed: false, next: "reported" });
  });
  const start = performance.now();
  timer.changed();
  timer.changed();
  await until("two scans", () => times.length === 2);
  assert.ok(times[0] - start >= 0.9);
  assert.ok(times[1] - times[0] >= 19);
  timer.stop();
});

test("without reports, the interval is short after a change and becomes long", () => {
  const { waits, restore } = recordedTimers();
  try {
    const timer = new ScanTimer(1000);
    timer.start(() => {});
    for (const changed of [true, false, false, false, false, false, true]) {
      timer.begin();
      timer.ended({ tookMs: 0, changed, next: "guessed" });
    }
    timer.stop();
    assert.deepEqual(waits.map(Math.round), [
      250,
      500,
      1000,
      2000,
      4000,
      4000,
      250,
    ]);
  } finally {
    restore();
  }
});

test("a scan that takes long is followed by a long pause", () => {
  const { waits, restore } = recordedTimers();
  try {
    const timer = new ScanTimer(1000);
    timer.start(() => {});
    timer.ended({ tookMs: 4, changed: true, next: "reported" });
    timer.stop();
    timer.start(() => {});
    timer.changed();
    timer.stop();
    assert.ok(waits.at(-1)! > 70, `${waits}`);
  } finally {
    restore();
  }
});
