/**
 * Waits until a process rests: no thread of it wakes up.
 * @module
 */
import { statusOf, threadsOf } from "./proc.ts";
import { until } from "./until.ts";

/** A busy machine ends a thread of the runtime's pool late, and each such end is a wakeup. */
const LIMIT_MS = 60_000;

/**
 * Waits for one stretch of `ms` milliseconds without a wakeup of any thread. After a minute without
 * such a stretch, it fails and names the threads that woke up in the last one.
 */
export async function silence(pid: number, ms: number): Promise<void> {
  let last = wakeupsOf(pid);
  let since = performance.now();
  let woken: string[] = [];
  const end = since + LIMIT_MS;
  await until("silence", () => {
    const now = wakeupsOf(pid);
    const fresh = [...now].filter(([thread, count]) =>
      count !== last.get(thread)
    );
    if (fresh.length > 0 || now.size !== last.size) {
      woken = fresh.map(([thread]) => thread);
      last = now;
      since = performance.now();
    }
    if (performance.now() > end) {
      throw new Error(
        `Cannot find ${ms} ms without a wakeup: ${woken.join()} woke up`,
      );
    }
    return performance.now() - since >= ms;
  }, 2 * LIMIT_MS);
}

/** Voluntary context switches of each thread so far: each is a wakeup. */
function wakeupsOf(pid: number): Map<string, number> {
  return new Map(
    threadsOf(pid).map((tid) => [
      `${tid} ${statusOf(pid, tid, "Name")}`,
      Number(statusOf(pid, tid, "voluntary_ctxt_switches") ?? 0),
    ]),
  );
}
