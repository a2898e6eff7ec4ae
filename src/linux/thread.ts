/**
 * Calls a C function that may block on a native thread. The event loop continues. A native thread
 * costs less than a worker, and it takes no thread of the runtime's pool (Bun has one for each
 * CPU).
 * @module
 */
import { errnoName } from "../util/errno.ts";
import { type Libc, requireSymbol } from "./libc.ts";

/** errno(3): the thread has not ended yet, pthread_tryjoin_np(3). */
const EBUSY = 16;

/** A function that takes one integer or pointer. */
export type ThreadFunction = "syncfs" | "opendir";

/** Whether this C library has the functions that a `ThreadCall` needs. */
export function canCallOnThread(libc: Libc): boolean {
  return libc.dlsym !== undefined && libc.pthread_create !== undefined &&
    libc.pthread_tryjoin_np !== undefined;
}

/**
 * A call on a native thread of its own. The call cannot be stopped. A caller that gives the call
 * up checks `returned` again later, which frees the ended thread. The errno of the call is lost
 * with the thread.
 */
export class ThreadCall {
  readonly #libc: Libc;
  readonly #name: ThreadFunction;
  readonly #thread: bigint;
  readonly #onReturned: () => void;
  #value: bigint | undefined;

  /**
   * Calls `name(argument)`. Throws if no thread can be started. Calls `onReturned` once, when the
   * call is seen to have returned.
   */
  constructor(
    libc: Libc,
    name: ThreadFunction,
    argument: bigint,
    onReturned = () => {},
  ) {
    this.#libc = libc;
    this.#onReturned = onReturned;
    this.#name = name;
    const symbol = new TextEncoder().encode(`${name}\0`);
    // null is RTLD_DEFAULT: all libraries of this process are searched (dlsym(3)).
    const address = requireSymbol(libc, "dlsym")(null, symbol);
    if (address === 0n) throw new Error(`Cannot find ${name}: no such symbol`);
    // The function of a thread takes a pointer and returns one. By the calling conventions of
    // x86-64 and arm64, a function that takes an int and returns one works as well.
    const thread = new BigUint64Array(1);
    const handle = new Uint8Array(thread.buffer);
    const code = requireSymbol(libc, "pthread_create")(
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

  /** Whether the call has returned. Frees the thread then. */
  get returned(): boolean {
    if (this.#value !== undefined) return true;
    this.#value = this.#join();
    if (this.#value === undefined) return false;
    this.#onReturned();
    return true;
  }

  /** The result of the call, as a pointer. */
  get pointer(): bigint {
    return this.#value!;
  }

  /** The result of the call, as a C int. */
  get int(): number {
    return Number(BigInt.asIntN(32, this.#value!));
  }

  #join(): bigint | undefined {
    const result = new BigUint64Array(1);
    const bytes = new Uint8Array(result.buffer);
    const join = requireSymbol(this.#libc, "pthread_tryjoin_np");
    const code = join(this.#thread, bytes);
    if (code === EBUSY) return undefined;
    if (code === 0) return result[0];
    throw new Error(
      `Cannot join the thread of ${this.#name}: ${errnoName(code)}`,
    );
  }
}
