/**
 * The lease of a prepare: the longest time that the guest may stay quiesced, from the first step
 * on. The time is CLOCK_MONOTONIC, which stands still while the machine is in a snapshot file:
 * performance.now() and the timers of both runtimes count it.
 * @module
 */

/** A lease. It has one timer, which causes no wakeup before the lease ends. */
export class Lease {
  readonly #expired: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #runs = false;
  #end = 0;
  #seconds = 0;

  /** `expired` is called once at the end of each lease that was not stopped before. */
  constructor(expired: () => void) {
    this.#expired = expired;
  }

  /** The length of the last lease that was started, in seconds. */
  get seconds(): number {
    return this.#seconds;
  }

  /** Seconds left; 0 if no lease runs. */
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

  /** Makes a running lease last at least so many seconds from now on. */
  extend(seconds: number): void {
    if (!this.#runs) return;
    if (performance.now() + seconds * 1000 > this.#end) this.start(seconds);
  }

  /** Ends the lease; `expired` is not called. */
  stop(): void {
    if (!this.#runs) return;
    this.#runs = false;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const left = Math.max(0, this.#end - performance.now());
    this.#timer = setTimeout(() => {
      // A timer may fire early by a fraction of a millisecond: the clock decides.
      if (performance.now() < this.#end) return this.#arm();
      this.#runs = false;
      this.#expired();
    }, left);
  }
}
