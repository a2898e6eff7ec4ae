/**
 * What a program says of itself when it registers.
 * @module
 */
import * as v from "valibot";
import { ConfigError } from "../config/error.ts";
import { parseTarget, TARGET_FORM } from "./target.ts";

/** The longest limit that a program may ask for, in milliseconds. */
const MOST_MS = 600_000;

const name = v.pipe(
  v.string(),
  v.regex(
    /^[A-Za-z0-9._-]{1,64}$/,
    "up to 64 letters, digits, dots, dashes and underscores",
  ),
);
const limitMs = v.optional(v.pipe(
  v.number(),
  v.integer(),
  v.minValue(1),
  v.maxValue(MOST_MS),
));
const policy = v.optional(v.picklist(["abort", "continue"]), "abort");

/** A program that wants requests; also an entry of the config file. */
export const RequestEntry = v.strictObject({
  name,
  url: v.pipe(
    v.string(),
    v.maxLength(1024),
    v.check((text) => parseTarget(text) !== undefined, TARGET_FORM),
  ),
  limitMs,
  policy,
});

/** A program that reads events; the words of its query. */
export const EventsEntry = v.strictObject({
  name,
  limitMs: v.optional(v.pipe(
    v.string(),
    v.regex(/^\d{1,6}$/, "a whole number"),
    v.transform(Number),
    v.minValue(1),
    v.maxValue(MOST_MS),
  )),
  policy,
});

/** What the config file gives. */
export type RequestInput = v.InferInput<typeof RequestEntry>;
/** A program that wants requests. */
export type Request = v.InferOutput<typeof RequestEntry>;
/** A program that reads events. */
export type Events = v.InferOutput<typeof EventsEntry>;

/** An entry of the config file; throws a ConfigError if it is wrong. */
export function readFixed(entry: unknown): Request {
  const read = v.safeParse(RequestEntry, entry);
  if (read.success) return read.output;
  const [issue] = read.issues;
  throw new ConfigError(
    `Cannot use hook ${JSON.stringify(entry)}: ${
      v.getDotPath(issue) ?? "it"
    } must be ${issue.message}`,
  );
}
