/**
 * Timers that leave nothing behind when they are called off.
 * @module
 */

/** Milliseconds at a time. */
const PIECE_MS = 200;

/**
 * Calls once, when so many milliseconds have passed; gives what calls it off.
 * Waits in short pieces: a timer that is cleared wakes Deno at its time all the
 * same, and the limits of a prepare's steps would wake a quiesced guest for a
 * quarter of a minute. Not for waits that last, which the pieces would disturb.
 */
export function timeout(ms: number, action: () => void): () => void {
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
