/**
 * Timers that share one alarm, so that work which may wait wakes the process once.
 * @module
 */

/** One timer, of the runtime or of the kernel. */
export interface Alarm {
  /** Calls the action of this alarm once, after so many milliseconds; replaces the time before. */
  set(ms: number): void;
  /** Does nothing if it is not set. */
  clear(): void;
  /** Frees what the alarm holds; it must not be set after that. */
  end?(): void;
}

/** Makes an alarm that calls the action. */
export type MakeAlarm = (action: () => void) => Alarm;

/** Timers; tests use those of the runtime. */
export interface Timers {
  /**
   * Calls the action once, at the latest after `ms` milliseconds, and at the earliest `slackMs` before
   * that: then another timer has expired. Returns the function that cancels this.
   */
  within(ms: number, action: () => void, slackMs?: number): () => void;
}

/** What one call of `within` waits for. Times are those of performance.now(). */
interface Entry {
  readonly earliest: number;
  readonly latest: number;
  readonly action: () => void;
}

/** A wait of at most so many milliseconds has a timer of the runtime for itself. */
const SHORT_MS = 200;

/** Timers that share an alarm. */
export class SharedTimers implements Timers, Disposable {
  readonly #alarm: Alarm;
  readonly #entries = new Set<Entry>();
  /** The time for which the alarm is set; Infinity if it is not. */
  #at = Infinity;

  constructor(makeAlarm: MakeAlarm = runtimeAlarm) {
    this.#alarm = makeAlarm(() => this.#expire());
  }

  within(ms: number, action: () => void, slackMs = 0): () => void {
    if (ms <= SHORT_MS) {
      const timer = setTimeout(action, ms);
      return () => clearTimeout(timer);
    }
    const latest = performance.now() + ms;
    const entry = { latest, earliest: latest - slackMs, action };
    this.#entries.add(entry);
    this.#set();
    return () => {
      if (this.#entries.delete(entry)) this.#set();
    };
  }

  /** Cancels all. They must not be used after that. */
  [Symbol.dispose](): void {
    this.#entries.clear();
    this.#set();
    this.#alarm.end?.();
  }

  #expire(): void {
    this.#at = Infinity;
    const now = performance.now();
    const all = [...this.#entries];
    // An alarm may be early by a fraction of a millisecond, or too late for a timer that was cancelled.
    const due = all.some(({ latest }) => latest <= now)
      ? all.filter(({ earliest }) => earliest <= now)
      : [];
    try {
      for (const entry of due) {
        // The action before may have cancelled it.
        if (this.#entries.delete(entry)) entry.action();
      }
    } finally {
      this.#set();
    }
  }

  /** Sets the alarm for the first of the latest times. */
  #set(): void {
    let at = Infinity;
    for (const { latest } of this.#entries) at = Math.min(at, latest);
    if (at === this.#at) return;
    this.#at = at;
    if (at === Infinity) this.#alarm.clear();
    else this.#alarm.set(Math.max(0, at - performance.now()));
  }
}

/** An alarm of the runtime. */
export function runtimeAlarm(action: () => void): Alarm {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    set(ms) {
      clearTimeout(timer);
      timer = setTimeout(action, ms);
    },
    clear: () => clearTimeout(timer),
  };
}
