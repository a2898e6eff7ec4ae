/**
 * Bun's garbage collection.
 * @module
 */
import { gcAndSweep } from "bun:jsc";
import { sleep } from "../../util/wait.ts";

/**
 * The number of collections, and the milliseconds between them. Connections that have
 * just been closed release their memory only in the next turns of the event loop. After
 * load, two collections leave 8 to 12 MB, three leave 7.5 to 8, four leave no less.
 */
const COLLECTIONS = 3;
const PAUSE_MS = 10;

/**
 * Collects all garbage; false if the signal stopped it before the end. It uses the
 * engine's own call, because Bun.gc(true) also drops the code of every function, and a
 * recovery would have to decode that code again before its first reply.
 */
export async function collect(signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return false;
  for (let i = 1; i < COLLECTIONS; i++) {
    gcAndSweep();
    await sleep(PAUSE_MS, signal);
    if (signal?.aborted) return false;
  }
  gcAndSweep();
  return true;
}
