/**
 * The timestamps of E2B's host: times of RFC 3339 with nanoseconds, by which the guest's clock is set.
 * @module
 */
import type { RecoverRequest } from "../../lifecycle/request.ts";

/** How far the guest's clock may be behind or ahead of the host's, in milliseconds. */
const BEHIND_MS = 50;
const AHEAD_MS = 5000;

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
