/**
 * The timestamps of E2B's host: times of RFC 3339 with nanoseconds, by which the guest's clock is set.
 * @module
 */
import type { RecoverRequest } from "../../lifecycle/request.ts";

/** How far the guest's clock may be behind or ahead of the host's, in milliseconds. */
const BEHIND_MS = 50;
const AHEAD_MS = 5000;

/**
 * The most milliseconds by which a call can be late: the host makes attempts for 10 s, and a body may
 * take 10 s to arrive. What differs by more is another clock.
 */
const LATE_MS = 60_000;

/** A time. */
export interface Timestamp {
  /** Nanoseconds since 1970. */
  readonly ns: bigint;
  /** Milliseconds since 1970. */
  readonly ms: number;
}

const FORM =
  /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/i;

/** Parses a time; undefined if the text is none. */
export function parseTimestamp(text: string): Timestamp | undefined {
  const found = FORM.exec(text);
  if (found === null) return undefined;
  const [, seconds, fraction = "", zone] = found;
  const whole = Date.parse(`${seconds}${zone}`.toUpperCase());
  if (Number.isNaN(whole)) return undefined;
  const rest = Number(fraction.padEnd(9, "0"));
  return {
    ns: BigInt(whole) * 1_000_000n + BigInt(rest),
    ms: whole + rest / 1e6,
  };
}

/** The host's time, if the guest's clock is wrong by more than E2B allows. */
export function clockData(
  { ms }: Timestamp,
  receivedAt: number,
  now = Date.now(),
): Pick<RecoverRequest, "hostTime" | "receivedAt"> | undefined {
  const skew = now - (performance.now() - receivedAt) - ms;
  const isWrong = skew < -BEHIND_MS || skew > AHEAD_MS;
  return isWrong ? { hostTime: ms, receivedAt } : undefined;
}

/**
 * Finds calls that are stale: they were sent before a call that was applied. The host's clock decides
 * that, and it may have been wrong. A time further ahead than this machine can know (after a restore,
 * or by a wrong clock) is applied, but later calls are compared with it only if they are near it.
 */
export class CallOrder {
  /** The last time that was applied. */
  #last: bigint | undefined;
  /** The newest applied time that agrees with the time that has passed here. */
  #trusted: bigint | undefined;
  /** A time, and performance.now() at that time. */
  #known: { readonly ns: bigint; readonly at: number };

  /** `wallClock` is the time now, in milliseconds since 1970. */
  constructor(wallClock = Date.now(), now = performance.now()) {
    this.#known = { ns: nanoseconds(wallClock), at: now };
  }

  /** Whether a call of that time is stale. If it is not, later calls are compared with it. */
  isStale({ ns }: Timestamp, now = performance.now()): boolean {
    if (this.#trusted !== undefined && ns <= this.#trusted) return true;
    const late = nanoseconds(LATE_MS);
    const last = this.#last;
    if (last !== undefined && ns <= last && ns > last - late) return true;
    this.#last = ns;
    const { ns: known, at } = this.#known;
    if (ns <= known + nanoseconds(now - at) + late) {
      this.#trusted = ns;
      this.#known = { ns, at: now };
    }
    return false;
  }
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1e6));
}
