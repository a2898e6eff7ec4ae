/**
 * Waits for a condition of another machine.
 * @module
 */
import { sleep } from "../util/wait.ts";

/** Milliseconds between two looks. */
const PAUSE_MS = 50;

/** Resolves when the condition holds; rejects after the limit. */
export async function waitUntil(
  what: string,
  limitMs: number,
  condition: () => Promise<boolean>,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!await condition()) {
    if (performance.now() > end) {
      throw new Error(`it is not ${what} after ${limitMs / 1000} s`);
    }
    await sleep(PAUSE_MS);
  }
}
