/**
 * Ends the call of a hook early: at its limit, or when the caller aborts it.
 * @module
 */
import type { Limits } from "./hook.ts";

/** Why a call ended early. */
export type Ended = "timeout" | "aborted";

/**
 * Calls `end` once: at the limit or when the signal is aborted, whichever comes
 * first. If the signal is aborted already, `end` is called in a microtask. Returns
 * a function that cancels the deadline.
 */
export function deadline(
  { limitMs, signal }: Limits,
  end: (why: Ended) => void,
): () => void {
  let ended = false;
  const once = (why: Ended) => {
    if (ended) return;
    cancel();
    end(why);
  };
  const onAbort = () => once("aborted");
  const timer = setTimeout(once, limitMs, "timeout");
  const cancel = () => {
    ended = true;
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  };
  if (signal?.aborted) queueMicrotask(onAbort);
  else signal?.addEventListener("abort", onAbort);
  return cancel;
}

/** The reason in the result of a call that ended early. */
export function reasonOf(why: Ended, limitMs: number): string {
  return why === "timeout"
    ? `not done within ${Math.round(limitMs)} ms`
    : "the prepare was aborted";
}
