/**
 * What ends a call before its own end: its limit, or whoever gave it up.
 * @module
 */
import type { Limits } from "./hook.ts";

/** Why a call was ended. */
export type Ended = "timeout" | "aborted";

/**
 * Calls `end` once, when the limit has passed or the signal aborts; a signal
 * that has aborted already ends it in a microtask. Gives the function that
 * calls this off.
 */
export function deadline(
  { limitMs, signal }: Limits,
  end: (why: Ended) => void,
): () => void {
  let over = false;
  const once = (why: Ended) => {
    if (over) return;
    off();
    end(why);
  };
  const onAbort = () => once("aborted");
  const timer = setTimeout(once, limitMs, "timeout");
  const off = () => {
    over = true;
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  };
  if (signal?.aborted) queueMicrotask(onAbort);
  else signal?.addEventListener("abort", onAbort);
  return off;
}

/** The sentence for a call that was ended. */
export function reasonOf(why: Ended, limitMs: number): string {
  return why === "timeout"
    ? `not done within ${Math.round(limitMs)} ms`
    : "given up with the prepare";
}
