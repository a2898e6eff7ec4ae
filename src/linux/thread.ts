/**
 * C functions that block, on a native thread of their own: the event loop goes
 * on, and no worker with a runtime of its own has to be paid for.
 * @module
 */
import { errnoName, type Libc, need } from "./libc.ts";

/** errno(3): the thread has not ended yet (pthread_tryjoin_np(3)) */
const EBUSY = 16;

const MAX_PAUSE_MS = 5;
/** For a thread that nobody waits for any more. */
const ABANDONED_PAUSE_MS = 250;

/** Whether this libc has all that `callOnThread` needs. */
export function canCallOnThread(libc: Libc): boolean {
  return libc.dlsym !== undefined && libc.pthread_create !== undefined &&
    libc.pthread_tryjoin_np !== undefined;
}

/**
 * Calls `name(argument)` on a new thread and resolves with the low 32 bits of
 * what it returned, as a C int. `name` takes at most one integer or pointer.
 * Where the signal aborts, rejects with its reason; the call itself cannot be
 * stopped, so its thread is then joined in the background. Its errno is lost.
 */
export async function callOnThread(
  libc: Libc,
  name: "sync" | "syncfs",
  argument: bigint,
  signal?: AbortSignal,
): Promise<number> {
  signal?.throwIfAborted();
  const thread = start(libc, name, argument);
  for (let pauseMs = 1;; pauseMs = Math.min(pauseMs + 1, MAX_PAUSE_MS)) {
    const result = tryJoin(libc, thread, name);
    if (result !== undefined) return result;
    await pause(pauseMs, signal);
    if (signal?.aborted) {
      joinLater(libc, thread, name);
      throw signal.reason;
    }
  }
}

function start(libc: Libc, name: string, argument: bigint): bigint {
  const symbol = new TextEncoder().encode(`${name}\0`);
  // null is RTLD_DEFAULT: look in all that this process has loaded (dlsym(3))
  const address = need(libc.dlsym, "dlsym")(null, symbol);
  if (address === 0n) throw new Error(`Cannot find ${name}: no such symbol`);
  // A thread starts at a function from pointer to pointer. By the calling
  // conventions of x86-64 and arm64 one from int to int serves as well.
  const thread = new BigUint64Array(1);
  const handle = new Uint8Array(thread.buffer);
  const code = need(libc.pthread_create, "pthread_create")(
    handle,
    null,
    address,
    argument,
  );
  if (code !== 0) {
    throw new Error(`Cannot start a thread for ${name}: ${errnoName(code)}`);
  }
  return thread[0];
}

/** The result if the thread has ended, and frees what was left of it. */
function tryJoin(
  libc: Libc,
  thread: bigint,
  name: string,
): number | undefined {
  const result = new Int32Array(2);
  const bytes = new Uint8Array(result.buffer);
  const code = need(libc.pthread_tryjoin_np, "pthread_tryjoin_np")(
    thread,
    bytes,
  );
  if (code === EBUSY) return undefined;
  if (code === 0) return result[0];
  throw new Error(`Cannot join the thread of ${name}: ${errnoName(code)}`);
}

function joinLater(libc: Libc, thread: bigint, name: string): void {
  const timer = setInterval(() => {
    try {
      if (tryJoin(libc, thread, name) !== undefined) clearInterval(timer);
    } catch (error) {
      clearInterval(timer);
      // nobody waits for this call any more
      console.error(error);
    }
  }, ABANDONED_PAUSE_MS);
}

/** Ends early where the signal aborts. */
function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end, { once: true });
    function end() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    }
  });
}
