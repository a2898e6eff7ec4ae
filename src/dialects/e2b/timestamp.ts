/**
 * Times of RFC 3339 with nanoseconds.
 * @module
 */

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
