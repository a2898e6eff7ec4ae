/**
 * Decides when the next scan is due: soon after a change that the kernel reports; otherwise at an
 * interval that is short after a change and becomes longer.
 * @module
 */

import { SharedTimers, type Timers } from "../util/timers.ts";

/**
 * Milliseconds from a report to the scan. A socket is in the kernel's table some microseconds after
 * the report, and servers often open several sockets at once.
 */
const REPORTED_MS = 1;
/** Milliseconds to a second scan, for a socket that was late, and for the worker's answer. */
const FOLLOW_MS = 20;
/** Milliseconds between scans while the kernel reports changes: a report may be lost. */
const SAFETY_MS = 30_000;
/** How much earlier that scan may come, if another timer wakes the process then. */
const SAFETY_SLACK_MS = SAFETY_MS / 2;
/**
 * The pause after a scan is 20 times as long as the scan, between these bounds: many reports in a row
 * take 5 % of a CPU. The kernel also reports the sockets of other network namespaces (containers).
 */
const PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 100;
const PAUSE_FACTOR = 20;
/** The interval after a change, and the longest one, as factors of the configured one. */
const FAST = 1 / 4;
const SLOW = 4;

/** What a scan has found out. */
export interface ScanResult {
  /** How long the scan took, in milliseconds. */
  readonly tookMs: number;
  /** Something else is forwarded than before. */
  readonly changed: boolean;
  /**
   * `reported`: the kernel reports the next change. `guessed`: it does not, or something is to be
   * tried again. `polled`: the next change is looked for at the configured interval.
   */
  readonly next: "reported" | "guessed" | "polled";
}

/** The timer of the next scan. */
export class ScanTimer {
  readonly #intervalMs: number;
  readonly #timers: Timers;
  #scan: (() => void) | undefined;
  #cancelTimer = () => {};
  #due = Infinity;
  #notBefore = 0;
  #waitMs: number;
  #follow = false;

  constructor(intervalMs: number, timers: Timers = new SharedTimers()) {
    this.#intervalMs = intervalMs;
    this.#timers = timers;
    this.#waitMs = intervalMs * FAST;
  }

  /** Calls `scan` when a scan is due, until `stop`. Nothing is due yet. */
  start(scan: () => void): void {
    this.stop();
    this.#scan = scan;
    this.#waitMs = this.#intervalMs * FAST;
  }

  /** Ends the timer. */
  stop(): void {
    this.#scan = undefined;
    this.#follow = false;
    this.#cancel();
  }

  /** The kernel has reported a change. */
  changed(): void {
    this.#follow = true;
    this.#at(Math.max(performance.now() + REPORTED_MS, this.#notBefore));
  }

  /** Something has to be tried again. */
  retry(): void {
    this.#at(performance.now() + this.#intervalMs * FAST);
  }

  /** A scan begins, whether it was due or not. */
  begin(): void {
    this.#cancel();
  }

  /** A scan has ended. */
  ended({ tookMs, changed, next }: ScanResult): void {
    const now = performance.now();
    const pauseMs = Math.max(PAUSE_MS, tookMs * PAUSE_FACTOR);
    this.#notBefore = now + Math.min(pauseMs, LONGEST_PAUSE_MS);
    this.#waitMs = changed
      ? this.#intervalMs * FAST
      : Math.min(this.#waitMs * 2, this.#intervalMs * SLOW);
    const follow = this.#follow || changed;
    // A change that was reported during the scan has its own follow-up.
    this.#follow = this.#due < Infinity;
    if (follow && next === "reported") this.#at(now + FOLLOW_MS);
    else if (next === "reported") {
      this.#at(now + SAFETY_MS, SAFETY_SLACK_MS);
    } else if (next === "guessed") this.#at(now + this.#waitMs);
    else this.#at(now + this.#intervalMs);
  }

  #at(due: number, slackMs = 0): void {
    if (this.#scan === undefined || due >= this.#due) return;
    this.#cancel();
    this.#due = due;
    const ms = Math.max(0, due - performance.now());
    const scan = () => {
      this.#due = Infinity;
      this.#scan?.();
    };
    this.#cancelTimer = this.#timers.within(ms, scan, slackMs);
  }

  #cancel(): void {
    this.#cancelTimer();
    this.#due = Infinity;
  }
}
