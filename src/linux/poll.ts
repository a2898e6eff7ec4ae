/**
 * Waiting for what sends no event: the kernel's files, and threads of our own.
 * @module
 */

/** Milliseconds between two looks: a short wait is soon over. */
const FIRST_PAUSE_MS = 1;
const LAST_PAUSE_MS = 5;

/**
 * Looks until the condition holds; false if it still does not at the limit, or
 * as soon as the signal aborts. Leaves no timer behind.
 */
export async function waitFor(
  condition: () => boolean,
  limitMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const end = performance.now() + limitMs;
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    if (condition()) return true;
    if (signal?.aborted || performance.now() >= end) return false;
    await pause(pauseMs, signal);
    pauseMs = Math.min(pauseMs + 1, LAST_PAUSE_MS);
  }
}

/** Waits so many milliseconds, or until the signal aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
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
