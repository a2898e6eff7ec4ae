/**
 * Ends a call early: at its limit, or when its caller aborts it.
 * @module
 */
import { timeout } from "./timeout.ts";

/** When a call ends early. */
export interface Limits {
  /** Milliseconds that the call may take; no limit by default. */
  readonly limitMs?: number;
  /** Ends the call when it is aborted. */
  readonly signal?: AbortSignal;
}

/** Why a call ended early. */
export type Ended = "timeout" | "aborted";

/**
 * Calls `end` once: at the limit or when the signal is aborted, whichever comes
 * first. If the signal is aborted already, `end` is called in a microtask. Returns
 * a function that cancels the deadline.
 */
export function deadline(
  { limitMs = Infinity, signal }: Limits,
  end: (why: Ended) => void,
): () => void {
  let ended = false;
  const once = (why: Ended) => {
    if (ended) return;
    cancel();
    end(why);
  };
  const onAbort = () => once("aborted");
  const stop = Number.isFinite(limitMs)
    ? timeout(limitMs, () => once("timeout"))
    : () => {};
  const cancel = () => {
    ended = true;
    stop();
    signal?.removeEventListener("abort", onAbort);
  };
  if (signal?.aborted) queueMicrotask(onAbort);
  else signal?.addEventListener("abort", onAbort);
  return cancel;
}

/** Waits for the work. Rejects with an error that says why if the deadline comes first. */
export async function within<T>(
  limits: Limits,
  work: Promise<T>,
  errorOf: (why: Ended) => Error,
): Promise<T> {
  let cancel = () => {};
  const ended = new Promise<never>((_, reject) => {
    cancel = deadline(limits, (why) => reject(errorOf(why)));
  });
  try {
    return await Promise.race([work, ended]);
  } finally {
    cancel();
  }
}

/** The reason of a call that ended early, for reports. */
export function reasonOf(why: Ended, limitMs: number): string {
  return why === "timeout"
    ? `not done within ${Math.round(limitMs)} ms`
    : "the prepare was aborted";
}
