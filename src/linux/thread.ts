/**
 * C functions that may block, on a native thread of their own: the event loop
 * goes on, no worker with a runtime of its own has to be paid for, and no thread
 * of the runtime's pool is taken (Bun has one for each CPU).
 * @module
 */
import { errnoName, type Libc, requireSymbol } from "./libc.ts";

/** errno(3): the thread has not ended yet (pthread_tryjoin_np(3)) */
const EBUSY = 16;

/** A function that takes one integer or pointer, and nothing else. */
export type ThreadFunction = "syncfs" | "opendir";

/** Whether this libc has all that a `ThreadCall` needs. */
export function canCallOnThread(libc: Libc): boolean {
  return libc.dlsym !== undefined && libc.pthread_create !== undefined &&
    libc.pthread_tryjoin_np !== undefined;
}

/**
 * One call on a thread of its own. A call cannot be stopped: a caller that gives
 * it up looks again later, which frees what is left of the thread. The errno of
 * the call is lost with its thread.
 */
export class ThreadCall {
  readonly #libc: Libc;
  readonly #name: ThreadFunction;
  readonly #thread: bigint;
  #value: bigint | undefined;

  /** Calls `name(argument)`; throws where no thread can be started. */
  constructor(libc: Libc, name: ThreadFunction, argument: bigint) {
    this.#libc = libc;
    this.#name = name;
    const symbol = new TextEncoder().encode(`${name}\0`);
    // null is RTLD_DEFAULT: look in all that this process has loaded (dlsym(3))
    const address = requireSymbol(libc.dlsym, "dlsym")(null, symbol);
    if (address === 0n) throw new Error(`Cannot find ${name}: no such symbol`);
    // A thread starts at a function from pointer to pointer. By the calling
    // conventions of x86-64 and arm64 one from int to int serves as well.
    const thread = new BigUint64Array(1);
    const handle = new Uint8Array(thread.buffer);
    const code = requireSymbol(libc.pthread_create, "pthread_create")(
      handle,
      null,
      address,
      argument,
    );
    if (code !== 0) {
      throw new Error(`Cannot start a thread for ${name}: ${errnoName(code)}`);
    }
    this.#thread = thread[0];
  }

  /** Looks whether the call has returned. */
  get returned(): boolean {
    this.#value ??= this.#join();
    return this.#value !== undefined;
  }

  /** What it returned, as a pointer. */
  get pointer(): bigint {
    return this.#value!;
  }

  /** What it returned, as a C int. */
  get int(): number {
    return Number(BigInt.asIntN(32, this.#value!));
  }

  #join(): bigint | undefined {
    const result = new BigUint64Array(1);
    const bytes = new Uint8Array(result.buffer);
    const join = requireSymbol(
      this.#libc.pthread_tryjoin_np,
      "pthread_tryjoin_np",
    );
    const code = join(this.#thread, bytes);
    if (code === EBUSY) return undefined;
    if (code === 0) return result[0];
    throw new Error(
      `Cannot join the thread of ${this.#name}: ${errnoName(code)}`,
    );
  }
}
