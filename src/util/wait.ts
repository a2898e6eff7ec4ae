/**
 * Waits for a time, and for conditions that send no event: files of the kernel, native threads.
 * @module
 */

/**
 * Milliseconds without pauses: the condition is checked in each turn of the event loop. A clean
 * filesystem is synced in a fraction of a millisecond, which the shortest timer would double. Each
 * check makes garbage: with 1 ms, a prepare of kind diff on Bun changes 70 pages more.
 */
const EAGER_MS = 0.3;
/** Milliseconds between two later checks: from the first value, growing to the last. */
const FIRST_PAUSE_MS = 1;
const LAST_PAUSE_MS = 5;

/**
 * Checks the condition until it holds. False if the limit passes first, or as soon as the signal
 * aborts. No timer remains after that.
 */
export async function waitFor(
  condition: () => boolean,
  limitMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const start = performance.now();
  const end = start + limitMs;
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    if (condition()) return true;
    const now = performance.now();
    if (signal?.aborted || now >= end) return false;
    if (now - start < EAGER_MS) {
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    await sleep(pauseMs, signal);
    pauseMs = Math.min(pauseMs + 1, LAST_PAUSE_MS);
  }
}

/** Waits for a number of milliseconds, or until the signal aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
    function end() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    }
  });
}
