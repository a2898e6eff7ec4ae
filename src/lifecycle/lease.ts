/**
 * The lease of a prepare: the longest time that the guest may stay quiesced, from the first step
 * on. The time is CLOCK_MONOTONIC, which stands still while the machine is in a snapshot file:
 * performance.now() and the timers of both runtimes count it.
 *
 * Some hypervisors move CLOCK_MONOTONIC at a restore by the time in the file (Firecracker with
 * `clock_realtime` and kvm-clock). The timer of the lease is then late by more than load
 * explains, and the lease starts over: the host needs the time to recover the guest.
 * @module
 */
import { SharedTimers, type Timers } from "../util/timers.ts";

/**
 * Milliseconds by which the timer of a lease must be late to count as a jump of the clock. Load delays a
 * timer by less.
 */
const JUMP_MS = 5000;

/** What a lease can have beside its callback. */
interface LeaseOptions {
  /** Called when the lease starts over, with the milliseconds by which its timer was late. */
  readonly onJump?: (lateMs: number) => void;
  /** Timers of the runtime if not given. */
  readonly timers?: Timers;
  /** CLOCK_MONOTONIC in milliseconds; tests replace it. */
  readonly now?: () => number;
}

/** A lease. It has one timer, which causes no wakeup before the lease ends. */
export class Lease {
  readonly #expired: () => void;
  readonly #onJump: ((lateMs: number) => void) | undefined;
  readonly #timers: Timers;
  readonly #now: () => number;
  #cancel = () => {};
  #runs = false;
  #end = 0;
  #seconds = 0;

  /** `expired` is called once at the end of each lease that was not stopped before. */
  constructor(expired: () => void, options: LeaseOptions = {}) {
    this.#expired = expired;
    this.#onJump = options.onJump;
    this.#timers = options.timers ?? new SharedTimers();
    this.#now = options.now ?? (() => performance.now());
  }

  /** The length of the last lease that was started, in seconds. */
  get seconds(): number {
    return this.#seconds;
  }

  /** Seconds left; 0 if no lease runs. */
  get left(): number {
    if (!this.#runs) return 0;
    return Math.max(0, this.#end - this.#now()) / 1000;
  }

  /** Starts the lease, or starts it over. */
  start(seconds: number): void {
    this.#runs = true;
    this.#seconds = seconds;
    this.#end = this.#now() + seconds * 1000;
    this.#arm();
  }

  /** Makes a running lease last at least so many seconds from now on. */
  extend(seconds: number): void {
    if (!this.#runs) return;
    if (this.#now() + seconds * 1000 > this.#end) this.start(seconds);
  }

  /** Ends the lease; `expired` is not called. */
  stop(): void {
    if (!this.#runs) return;
    this.#runs = false;
    this.#cancel();
  }

  #arm(): void {
    this.#cancel();
    const left = Math.max(0, this.#end - this.#now());
    this.#cancel = this.#timers.within(left, () => {
      // A timer may fire early by a fraction of a millisecond: the clock decides.
      const late = this.#now() - this.#end;
      if (late < 0) return this.#arm();
      if (late > JUMP_MS) {
        this.start(this.#seconds);
        return this.#onJump?.(late);
      }
      this.#runs = false;
      this.#expired();
    });
  }
}
