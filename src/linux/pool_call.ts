/**
 * Makes calls that may never return on a thread of the runtime's pool, where the agent can abandon
 * them. Only one such call runs at a time: on a small machine, Bun's pool has two threads, and the
 * second one must stay free for all other calls.
 * @module
 */
import { type Limits, within } from "../util/within.ts";

/** The description of the last call, until that call has returned. */
let running: string | undefined;

/**
 * Waits for a call. Gives it up at the limit and as soon as the signal aborts. `what` describes the
 * call, for example "read /dev/hwrng". Rejects without a call if an earlier call that was given up
 * has not returned.
 */
export async function callOnPool<T>(
  what: string,
  call: () => Promise<T>,
  limits: Limits = {},
): Promise<T> {
  const failed = (why: string) => new Error(`Cannot ${what}: ${why}`);
  if (running !== undefined) {
    throw failed(`an earlier call, to ${running}, has not returned yet`);
  }
  if (limits.signal?.aborted) throw failed("given up");
  const work = call();
  running = what;
  const returned = () => void (running = undefined);
  work.then(returned, returned);
  const ended = await within(work, limits);
  if ("value" in ended) return ended.value;
  throw failed(
    ended.early === "aborted"
      ? "given up"
      : `no answer within ${limits.limitMs} ms`,
  );
}
