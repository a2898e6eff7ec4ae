import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sleep, waitFor } from "../../src/util/wait.ts";

describe("waiting for a condition", () => {
  test("ends with the condition, the limit or the signal", async () => {
    let looks = 0;
    assert.equal(await waitFor(() => ++looks === 3, 1000), true);
    const start = performance.now();
    assert.equal(await waitFor(() => false, 30), false);
    assert.ok(performance.now() - start >= 29);
    const aborted = AbortSignal.abort();
    assert.equal(await waitFor(() => false, 60_000, aborted), false);
  });

  test("looks no more once the signal has aborted", async () => {
    const abort = new AbortController();
    let looks = 0;
    const waiting = waitFor(
      () => {
        if (++looks === 3) abort.abort();
        return false;
      },
      60_000,
      abort.signal,
    );
    assert.equal(await waiting, false);
    assert.equal(looks, 3);
  });
});

test("a sleep ends early with the signal, and leaves no listener", async () => {
  let listeners = 0;
  const abort = new AbortController();
  const { signal } = abort;
  const counting: AbortSignal = Object.create(signal, {
    aborted: { get: () => signal.aborted },
    addEventListener: {
      value: (...args: Parameters<AbortSignal["addEventListener"]>) => {
        listeners++;
        signal.addEventListener(...args);
      },
    },
    removeEventListener: {
      value: (...args: Parameters<AbortSignal["removeEventListener"]>) => {
        listeners--;
        signal.removeEventListener(...args);
      },
    },
  });
  await sleep(1, counting);
  assert.equal(listeners, 0);
  const long = sleep(600_000, counting);
  abort.abort();
  await long;
  assert.equal(listeners, 0);
  await sleep(600_000, counting);
});
