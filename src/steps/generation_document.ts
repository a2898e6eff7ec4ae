/**
 * What the file of the generation holds, and how it is put together while the
 * caller of a recovery waits.
 * @module
 */
import * as v from "valibot";

/** The document, as JSON. */
export const GenerationDocument = v.object({
  /** Grows by one at every recovery; none is 0. */
  generation: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** The operation that the recovery ended, and how. */
  operation: v.string(),
  outcome: v.picklist(["restored", "resumed", "expired", "aborted"]),
  /** The wall clock as it was published, RFC 3339. */
  time: v.string(),
});

/** The document in the file. */
export type PublishedGeneration = v.InferOutput<typeof GenerationDocument>;

/** The same before its time is known. */
export type Untimed = Readonly<Omit<PublishedGeneration, "time">>;

const DAY_MS = 86_400_000;
/** Places in a time of RFC 3339, as `Date` writes it: `2026-11-27T20:17:14.000Z`. */
const TIME_BYTES = 24;
const HOUR = 11;
const MINUTE = 14;
const SECOND = 17;
const MILLISECOND = 20;
/** What follows the time, which is last: the ends of its string and the document. */
const END_BYTES = 3;
const DIGIT_0 = 48;

/** The document as of that time, in milliseconds since 1970. */
export function encode(
  { generation, operation, outcome }: Untimed,
  now: number,
): Uint8Array {
  const time = new Date(now).toISOString();
  const document = { generation, operation, outcome, time };
  return new TextEncoder().encode(`${JSON.stringify(document)}\n`);
}

/**
 * A document that is ready but for the time of day. To write it from the beginning
 * is 600 blocks of V8's code in a fork's first reply, on Deno, of some 7,850.
 */
export class ExpectedDocument {
  readonly #document: Untimed;
  readonly #bytes: Uint8Array;
  /** When the day of the expectation began. */
  readonly #midnight: number;
  /** Where the time is. */
  readonly #at: number;

  constructor(document: Untimed, now: number) {
    this.#document = document;
    this.#bytes = encode(document, now);
    this.#midnight = now - now % DAY_MS;
    this.#at = this.#bytes.length - END_BYTES - TIME_BYTES;
  }

  /** The document as of that time; undefined where another was expected, or that day. */
  at(document: Untimed, now: number): Uint8Array | undefined {
    const { generation, operation, outcome } = this.#document;
    if (
      document.generation !== generation || document.operation !== operation ||
      document.outcome !== outcome
    ) return undefined;
    const passed = now - this.#midnight;
    if (passed < 0 || passed >= DAY_MS) return undefined;
    // A small integer, for which V8 has the shortest way.
    const ms = passed | 0;
    this.#put(HOUR, ms / 3_600_000 | 0, 10);
    this.#put(MINUTE, (ms / 60_000 | 0) % 60, 10);
    this.#put(SECOND, (ms / 1000 | 0) % 60, 10);
    this.#put(MILLISECOND, ms % 1000, 100);
    return this.#bytes;
  }

  /** Puts a number there, whose first digit counts for so much. */
  #put(place: number, value: number, unit: number): void {
    let at = this.#at + place;
    let rest = value;
    for (let worth = unit; worth >= 1; worth = worth / 10 | 0) {
      const digit = rest / worth | 0;
      this.#bytes[at++] = DIGIT_0 + digit;
      rest -= digit * worth;
    }
  }
}
