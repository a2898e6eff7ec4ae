/**
 * Work that a reply need not wait for.
 * @module
 */

/**
 * Milliseconds from the settle until a turn comes by itself: mostly the machine has
 * been frozen by then, and it comes in its forks, soon after their first reply.
 */
const ARMED_MS = 300;

/** Does things in a later turn of the loop, when the reply has left. */
export class DeferredQueue {
  readonly #onError: (error: unknown) => void;
  readonly #actions: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * `onError` gets what deferred work throws: no caller waits for that work, and an error that
   * is not caught would end the process.
   */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /**
   * To be called before a freeze: a turn comes by itself, and what is to be done
   * until then is done in that one. A timer that is there already costs a fork
   * nothing; the first one that it sets is 6 of the 130 ms (on Deno, emulated) that
   * its caller waits.
   */
  schedule(): void {
    clearTimeout(this.#timer);
    this.#wait(ARMED_MS);
  }

  /** Does it in the turn that is to come, or in the next one. */
  defer(action: () => void): void {
    this.#actions.push(action);
    if (this.#timer === undefined) this.#wait(0);
  }

  /** Resolves in that turn. */
  drained(): Promise<void> {
    return new Promise((resolve) => this.defer(resolve));
  }

  /** Does now, in order, what is still to be done, all of it. Never throws. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (let next; (next = this.#actions.shift()) !== undefined;) {
      try {
        next();
      } catch (error) {
        this.#onError(error);
      }
    }
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.flush(), ms);
  }
}
