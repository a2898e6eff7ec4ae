/**
 * Ends a wait early: at its limit, or when a signal aborts it.
 * @module
 */
import { timeout } from "./timeout.ts";

/** Why a wait ended early. */
export type Early = "timeout" | "aborted";

/** The limits of a wait. */
export interface Limits {
  /** Milliseconds that the wait may take; no limit if not given. */
  readonly limitMs?: number;
  /** Ends the wait when it is aborted. */
  readonly signal?: AbortSignal;
}

/**
 * Calls `end` once: at the limit or when the signal is aborted, whichever comes
 * first. If the signal is aborted already, `end` is called in a microtask. Returns
 * a function that cancels this.
 */
export function endEarly(
  { limitMs, signal }: Limits,
  end: (why: Early) => void,
): () => void {
  let ended = false;
  const once = (why: Early) => {
    if (ended) return;
    cancel();
    end(why);
  };
  const onAbort = () => once("aborted");
  const stopTimer = limitMs === undefined
    ? undefined
    : timeout(limitMs, () => once("timeout"));
  const cancel = () => {
    ended = true;
    stopTimer?.();
    signal?.removeEventListener("abort", onAbort);
  };
  if (signal?.aborted) queueMicrotask(onAbort);
  else signal?.addEventListener("abort", onAbort);
  return cancel;
}

/**
 * Waits for the work, and rejects if the work does. Resolves to the value of the work, or to the
 * reason if the wait ended early. The work itself goes on then.
 */
export async function within<T>(
  work: Promise<T>,
  limits: Limits,
): Promise<{ readonly value: T } | { readonly early: Early }> {
  let cancel = () => {};
  const early = new Promise<{ early: Early }>((resolve) => {
    cancel = endEarly(limits, (why) => resolve({ early: why }));
  });
  try {
    return await Promise.race([work.then((value) => ({ value })), early]);
  } finally {
    cancel();
  }
}
