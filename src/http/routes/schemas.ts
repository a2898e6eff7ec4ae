/**
 * The input of the routes, as valibot schemas. They validate requests, and their part of the OpenAPI
 * document is made from them.
 * @module
 */
import * as v from "valibot";
import { asText, fields } from "../../util/json_input.ts";
import { KINDS } from "../../lifecycle/request.ts";
import {
  Credentials,
  Env,
  Renew,
  RenewOnDisk,
  RequireRenewed,
} from "../../identity/schemas.ts";
import { NetworkIdentities } from "../../network/identity.ts";
import { ENTROPY_BYTES } from "../../steps/entropy.ts";

/** The longest lease that a caller may ask for, in seconds: one day. */
const LEASE_MOST = 86_400;

const OPERATION_WORDS = "1 to 64 of A-Z a-z 0-9 _ . : -";

const OperationId = v.pipe(
  v.string(OPERATION_WORDS),
  v.regex(/^[A-Za-z0-9_.:-]{1,64}$/, OPERATION_WORDS),
);

const NewOperationId = v.pipe(
  OperationId,
  v.description("Id of the operation; the agent makes one if none is given."),
);

const Lease = v.pipe(
  v.number("a number of seconds"),
  v.gtValue(0, "more than 0 seconds"),
  v.maxValue(LEASE_MOST, `at most ${LEASE_MOST} seconds`),
  v.description(
    "Seconds of guest time after which the guest recovers on its own; the option lease if none is given.",
  ),
);

const Wait = v.pipe(
  v.literal("settled", "the word settled"),
  v.description("Reply with 200 and the report, after the settle."),
);

const Kind = v.pipe(
  v.picklist(KINDS, "full, diff or disk"),
  v.description(
    "Kind of snapshot. full: the whole memory is stored. diff: what changed is stored. disk: the memory is thrown away. The option snapshotKind if none is given.",
  ),
);

const prepareFields = {
  wait: v.optional(Wait),
  lease: v.optional(Lease),
  operation: v.optional(NewOperationId),
  kind: v.optional(Kind),
};

/** The body of a prepare. */
export const PrepareBody = fields(prepareFields);

/** The query of a prepare: the fields of the body, as text. */
export const PrepareQuery = fields({
  ...prepareFields,
  lease: v.optional(asText(Lease)),
});

/** The headers of a call that the lifecycle links to its work. Any value is accepted. */
export const CALL_HEADERS = {
  traceparent: v.pipe(
    v.string(),
    v.description(
      "Trace of the call (W3C Trace Context). The report then has its spans. A malformed value is ignored.",
    ),
  ),
  "X-Request-Id": v.pipe(
    v.string(),
    v.description(
      "Id of the call, in its log lines and in the reply. The agent makes one if none is given, or if it has characters other than A-Z a-z 0-9 _ = -",
    ),
  ),
} as const;

/** The query of a route that takes no query. */
export const NoQuery = fields({});

/** 2000-01-01 to 2200-01-01. A time outside of this range is probably in a wrong unit. */
const WALL_CLOCK = { least: 946_684_800_000, most: 7_258_118_400_000 } as const;
const WALL_CLOCK_WORDS =
  "a time of RFC 3339 or milliseconds since 1970, from 2000 to 2199";

const MONTH_OF_31 = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])";
const MONTH_OF_30 = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)";
const FEBRUARY = "02-(?:0[1-9]|1[0-9]|2[0-8])";
const LEAP_YEAR = "(?:2000|2[01](?:0[48]|[2468][048]|[13579][26]))";
const DATE =
  `(?:2[01][0-9]{2}-(?:${MONTH_OF_31}|${MONTH_OF_30}|${FEBRUARY})|${LEAP_YEAR}-02-29)`;
const HOUR_MINUTE = "(?:[01][0-9]|2[0-3]):[0-5][0-9]";
/** A time of day without leap seconds, which Date.parse does not accept. */
const TIME = `${HOUR_MINUTE}:[0-5][0-9](?:\\.[0-9]{1,9})?`;
const RFC_3339 = new RegExp(
  `^${DATE}[Tt]${TIME}(?:[Zz]|[+-]${HOUR_MINUTE})$`,
);

/** The host's wall clock; the output is in milliseconds since 1970. */
export const HostTime = v.pipe(
  v.union([
    v.pipe(
      v.number(WALL_CLOCK_WORDS),
      v.minValue(WALL_CLOCK.least, WALL_CLOCK_WORDS),
      v.maxValue(WALL_CLOCK.most, WALL_CLOCK_WORDS),
    ),
    v.pipe(
      v.string(WALL_CLOCK_WORDS),
      v.regex(RFC_3339, WALL_CLOCK_WORDS),
      v.transform((text) => Date.parse(text.toUpperCase())),
    ),
  ], WALL_CLOCK_WORDS),
  v.description(
    "The host's wall clock at the time of this call: a time of RFC 3339, or milliseconds since 1970.",
  ),
);

/** The host's wall clock in a header. */
export const HostTimeHeader = asText(HostTime);

const ENTROPY_WORDS =
  `${ENTROPY_BYTES.least} to ${ENTROPY_BYTES.most} bytes in base64`;

const Entropy = v.pipe(
  v.string(ENTROPY_WORDS),
  v.regex(base64(ENTROPY_BYTES), ENTROPY_WORDS),
  v.description(
    `Bytes that no other fork gets, for the random pool: ${ENTROPY_WORDS}.`,
  ),
  v.transform((text) =>
    Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0))
  ),
);

/** Matches base64 (RFC 4648, 4) of this number of bytes, with padding. */
function base64({ least, most }: { least: number; most: number }): RegExp {
  const digit = "[A-Za-z0-9+/]";
  const whole = (bytes: number) => Math.floor(bytes / 3);
  /** Groups of three bytes, and then `rest` bytes. */
  const groups = (rest: number) =>
    `(?:${digit}{4}){${whole(least + 2 - rest)},${whole(most - rest)}}`;
  return new RegExp(
    `^(?:${groups(0)}|${groups(1)}${digit}{2}==|${groups(2)}${digit}{3}=)$`,
  );
}

/** The body of a recover. */
export const RecoverBody = fields({
  operation: v.optional(v.pipe(
    OperationId,
    v.description(
      "Id of the operation to recover; any operation if none is given.",
    ),
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
    v.description(
      "Round-trip time of a call; half of it is added to the time.",
    ),
  )),
  entropy: v.optional(Entropy),
  requireEntropy: v.optional(v.pipe(
    v.boolean("true or false"),
    v.description(
      "Reply with 503, to health checks too, until the random pool is new.",
    ),
  )),
  network: v.optional(v.pipe(
    NetworkIdentities,
    v.description(
      "The addresses and names of this fork: of one interface, or a list for several.",
    ),
  )),
  renew: v.optional(Renew),
  renewOnDisk: v.optional(RenewOnDisk),
  requireRenewed: v.optional(RequireRenewed),
  credentials: v.optional(Credentials),
  env: v.optional(Env),
});
