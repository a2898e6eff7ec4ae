/**
 * Defers work that no reply has to wait for.
 * @module
 */

/**
 * Milliseconds from `schedule`, at the end of the settle, until the queue runs. Hosts usually
 * freeze the machine before that. The queue then runs in each fork, at most this time after the
 * restore.
 */
const SCHEDULED_MS = 300;

/** Runs work in a later turn of the event loop, after the reply was sent. */
export class DeferredQueue {
  readonly #onError: (error: unknown) => void;
  readonly #actions: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * `onError` gets the errors of deferred work: no caller waits for that work, and an error that
   * is not caught would end the process.
   */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /**
   * Schedules a run of the queue; called before a freeze. Work that is deferred until then waits
   * for that run, so that it does not delay the first replies of a fork.
   */
  schedule(): void {
    clearTimeout(this.#timer);
    this.#wait(SCHEDULED_MS);
  }

  /** Runs the action in the scheduled run; without one, in the next turn of the event loop. */
  defer(action: () => void): void {
    this.#actions.push(action);
    if (this.#timer === undefined) this.#wait(0);
  }

  /** Resolves when the work that was deferred before has run. */
  drained(): Promise<void> {
    return new Promise((resolve) => this.defer(resolve));
  }

  /** Runs all deferred work now, in order. Never throws. */
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
