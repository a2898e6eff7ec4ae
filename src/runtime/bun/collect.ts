/**
 * Bun's garbage collection.
 * @module
 */
import { gcAndSweep } from "bun:jsc";
import { sleep } from "../../util/wait.ts";

/**
 * The milliseconds after each of three collections. Connections that have just been closed release
 * their memory only in the next turns of the event loop, so a later collection finds it. After the
 * last one, the event loop returns freed memory when it becomes idle. After load, one collection or
 * two leave 0.1 to 3 MB more, and pauses of 10 ms leave the same but take 32 ms instead of 16.
 */
const PAUSES_MS = [1, 1, 3];

/**
 * Collects all garbage; false if the signal stopped it before the end. It uses the
 * engine's own call, because Bun.gc(true) also drops the code of every function, and a
 * recovery would have to decode that code again before its first reply.
 */
export async function collect(signal?: AbortSignal): Promise<boolean> {
  for (const ms of PAUSES_MS) {
    if (signal?.aborted) return false;
    gcAndSweep();
    await sleep(ms, signal);
  }
  return true;
}
