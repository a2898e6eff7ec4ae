/**
 * Timers that leave nothing behind when they are cancelled.
 * @module
 */

/** The longest timer of the runtime, in milliseconds. */
const PIECE_MS = 200;

/**
 * Calls the action once after `ms` milliseconds. Returns the function that cancels this. Waits in
 * short pieces: Deno wakes at the time of a timer even if the timer was cleared, and the limits
 * of a prepare's steps would wake a quiesced guest for 15 seconds. Not for long waits, because
 * each piece wakes the process. Without a limit (Infinity) there is no timer.
 */
export function timeout(ms: number, action: () => void): () => void {
  if (ms === Infinity) return () => {};
  const end = performance.now() + ms;
  const wait = (left: number) =>
    setTimeout(() => {
      const more = end - performance.now();
      if (more > 0) timer = wait(more);
      else action();
    }, Math.min(left, PIECE_MS));
  let timer = wait(ms);
  return () => clearTimeout(timer);
}
