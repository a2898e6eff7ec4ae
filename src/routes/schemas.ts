/**
 * What comes in, as valibot schemas: they validate, and make their part of the
 * OpenAPI document.
 * @module
 */
import * as v from "valibot";
import { NetworkIdentity } from "../network_identity.ts";
import { ENTROPY_BYTES } from "../steps/entropy.ts";

/** The longest lease that a caller may ask for, in seconds: one day. */
export const LEASE_MOST = 86_400;

const OperationId = v.pipe(
  v.string(),
  v.regex(/^[\w.:-]{1,64}$/, "1 to 64 of A-Z a-z 0-9 _ . : -"),
  v.description("Id of the operation; made by the agent where none is given."),
);

const Lease = v.pipe(
  v.number("a number of seconds"),
  v.gtValue(0, "more than 0 seconds"),
  v.maxValue(LEASE_MOST, `at most ${LEASE_MOST} seconds`),
  v.description(
    "Seconds of guest time after which the guest recovers on its own.",
  ),
);

const Wait = v.pipe(
  v.literal("settled", "the word settled"),
  v.description("Reply with 200 and the report, after the settle."),
);

/** The body of a prepare. */
export const PrepareBody = v.strictObject({
  wait: v.optional(Wait),
  lease: v.optional(Lease),
  operation: v.optional(OperationId),
});

/** The query of a prepare: the same fields, as text. */
export const PrepareQuery = v.strictObject({
  wait: v.optional(Wait),
  lease: v.optional(v.pipe(
    v.string(),
    v.regex(/^-?\d+(\.\d+)?$/, "a number of seconds"),
    v.transform(Number),
    Lease,
  )),
  operation: v.optional(OperationId),
});

/** The query of a route that takes none. */
export const NoQuery = v.strictObject({});

/** Wall clocks before 2000 and after 2200 are mistakes of a unit. */
const WALL_CLOCK = { least: 946_684_800_000, most: 7_258_118_400_000 } as const;
const WALL_CLOCK_WORDS = "a time of RFC 3339 or milliseconds since 1970";
const RFC_3339 =
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i;

/** The host's wall clock; given out in milliseconds since 1970. */
export const HostTime = v.pipe(
  v.union([v.number(), v.string()], WALL_CLOCK_WORDS),
  v.check((value) => wallClock(value) !== undefined, WALL_CLOCK_WORDS),
  v.description("The host's wall clock as it sent this call."),
  v.transform((value) => wallClock(value)!),
);

function wallClock(value: number | string): number | undefined {
  const text = String(value);
  const ms = /^\d+(\.\d+)?$/.test(text)
    ? Number(text)
    : RFC_3339.test(text)
    ? Date.parse(text)
    : NaN;
  return ms >= WALL_CLOCK.least && ms <= WALL_CLOCK.most ? ms : undefined;
}

const ENTROPY_WORDS =
  `${ENTROPY_BYTES.least} to ${ENTROPY_BYTES.most} bytes in base64`;

const Entropy = v.pipe(
  v.string(ENTROPY_WORDS),
  v.check((text) => bytesOf(text) !== undefined, ENTROPY_WORDS),
  v.description("Bytes that no other fork gets, for the random pool."),
  v.transform((text) => bytesOf(text)!),
);

/** Undefined where it is no base64 (RFC 4648, 4), or not of that length. */
function bytesOf(base64: string): Uint8Array | undefined {
  let text: string;
  try {
    text = atob(base64);
  } catch {
    return undefined;
  }
  const { least, most } = ENTROPY_BYTES;
  if (text.length < least || text.length > most) return undefined;
  return Uint8Array.from(text, (byte) => byte.charCodeAt(0));
}

/** The body of a recover. */
export const RecoverBody = v.strictObject({
  operation: v.optional(v.pipe(
    OperationId,
    v.description("The operation that is meant; any if none is given."),
  )),
  outcome: v.optional(v.pipe(
    v.picklist(
      ["restored", "resumed", "aborted"],
      "restored, resumed or aborted",
    ),
    v.description("How the operation ended, as the host knows it."),
  )),
  hostTime: v.optional(HostTime),
  roundTripMs: v.optional(v.pipe(
    v.number("a number of milliseconds"),
    v.minValue(0, "at least 0 milliseconds"),
    v.maxValue(60_000, "at most 60000 milliseconds"),
    v.description("How long a call takes there and back; half is added."),
  )),
  entropy: v.optional(Entropy),
  requireEntropy: v.optional(v.pipe(
    v.boolean("true or false"),
    v.description(
      "Answer 503, now and to health checks, until the random pool is new.",
    ),
  )),
  network: v.optional(NetworkIdentity),
});
