/**
 * How long a prepare may hold the guest, from its first step on. The time is CLOCK_MONOTONIC, which
 * stands still while the machine lies in a snapshot file: performance.now() and
 * the timers of both runtimes count it.
 * @module
 */

/** One timer; while the lease holds it causes no wakeup. */
export class Lease {
  readonly #expired: () => void;
  readonly #later: (action: () => void) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #runs = false;
  #end = 0;
  #seconds = 0;

  /**
   * `expired` is called once for each lease that is neither renewed nor ended. The
   * timer of one that has ended is cleared `later`: on Deno that is 190 blocks of
   * code in a fork, and the caller of a recovery would wait for them.
   */
  constructor(
    expired: () => void,
    defer: (action: () => void) => void = (action) => action(),
  ) {
    this.#expired = expired;
    this.#later = defer;
  }

  /** The length last asked for, in seconds. */
  get seconds(): number {
    return this.#seconds;
  }

  /** Seconds left, 0 where no lease runs. */
  get left(): number {
    if (!this.#runs) return 0;
    return Math.max(0, this.#end - performance.now()) / 1000;
  }

  /** Starts the lease, or starts it over. */
  start(seconds: number): void {
    this.#runs = true;
    this.#seconds = seconds;
    this.#end = performance.now() + seconds * 1000;
    this.#arm();
  }

  /** Makes a lease that runs last at least so many seconds from now on. */
  extend(seconds: number): void {
    if (!this.#runs) return;
    if (performance.now() + seconds * 1000 > this.#end) this.start(seconds);
  }

  /** Ends the lease without a call. */
  stop(): void {
    if (!this.#runs) return;
    this.#runs = false;
    const timer = this.#timer;
    this.#later(() => clearTimeout(timer));
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const left = Math.max(0, this.#end - performance.now());
    this.#timer = setTimeout(() => {
      // One that was stopped, and is not cleared yet.
      if (!this.#runs) return;
      // A timer may fire early by a fraction of a millisecond: the clock decides.
      if (performance.now() < this.#end) return this.#arm();
      this.#runs = false;
      this.#expired();
    }, left);
  }
}
