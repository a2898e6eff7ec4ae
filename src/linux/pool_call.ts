/**
 * Calls that may never return, on a thread of the runtime's pool, which can be
 * abandoned. One at a time: Bun's pool has no more than two threads on a small
 * machine, and the other one must stay free for all else.
 * @module
 */
import { timeout } from "../util/timeout.ts";

/** What the last call does, until it has returned. */
let running: string | undefined;

/** When a call is given up. */
export interface PoolCallOptions {
  /** Milliseconds. */
  readonly limitMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Waits for a call, and gives it up at the limit and as soon as the signal
 * aborts; `what` says what it does, as in "read /dev/hwrng". Fails without a
 * call while an earlier one that was given up has not returned.
 */
export async function callOnPool<T>(
  what: string,
  call: () => Promise<T>,
  { limitMs = Infinity, signal }: PoolCallOptions = {},
): Promise<T> {
  const failed = (why: string) => new Error(`Cannot ${what}: ${why}`);
  if (running !== undefined) {
    throw failed(`an earlier call, to ${running}, has not returned yet`);
  }
  if (signal?.aborted) throw failed("given up");
  const work = call();
  running = what;
  const returned = () => void (running = undefined);
  work.then(returned, returned);
  let callOff = () => {};
  let onAbort = () => {};
  const givenUp = new Promise<never>((_, reject) => {
    onAbort = () => reject(failed("given up"));
    signal?.addEventListener("abort", onAbort);
    if (limitMs === Infinity) return;
    callOff = timeout(limitMs, () => {
      reject(failed(`no answer within ${limitMs} ms`));
    });
  });
  try {
    return await Promise.race([work, givenUp]);
  } finally {
    callOff();
    signal?.removeEventListener("abort", onAbort);
  }
}
