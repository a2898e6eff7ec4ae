import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clockData,
  parseTimestamp,
} from "../../../src/dialects/e2b/timestamp.ts";

test("a timestamp has nanoseconds and any time zone", () => {
  const utc = parseTimestamp("2026-11-29T04:00:00.123456789Z")!;
  assert.equal(utc.ns % 1_000_000_000n, 123_456_789n);
  assert.equal(utc.ms, Date.UTC(2026, 10, 29, 4) + 123.456789);
  assert.equal(
    parseTimestamp("2026-11-29T05:00:00.123456789+01:00")!.ns,
    utc.ns,
  );
  assert.equal(parseTimestamp("2026-11-29t04:00:00z")!.ms % 1000, 0);
  assert.ok(parseTimestamp("2026-11-29T04:00:00.12345679Z")!.ns > utc.ns);
  for (
    const wrong of [
      ...[
        "",
        "now",
        "2026-11-29",
        "2026-11-29T04:00:00",
        "2026-13-29T04:00:00Z",
      ],
      "2026-11-29 04:00:00Z",
    ]
  ) {
    assert.equal(parseTimestamp(wrong), undefined, wrong);
  }
});

test("the clock is set if it is 50 ms behind or 5 s ahead, and not within that", () => {
  const host = parseTimestamp("2026-11-29T04:00:00Z")!;
  const isSet = (skew: number) => {
    // The call arrives now; the guest's clock is off by this much.
    const data = clockData(host, performance.now(), host.ms + skew);
    if (data !== undefined) assert.equal(data.hostTime, host.ms);
    return data !== undefined;
  };
  assert.deepEqual([-3600_000, -60, -40, 0, 4900].map(isSet), [
    ...[true, true, false, false, false],
  ]);
  assert.equal(isSet(5100), true);
});

test("the time since the call arrived is no error of the clock", () => {
  const host = parseTimestamp("2026-11-29T04:00:00Z")!;
  const arrived = performance.now() - 6000;
  assert.equal(clockData(host, arrived, host.ms + 6000), undefined);
});
