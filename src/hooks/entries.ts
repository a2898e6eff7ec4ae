/**
 * The schemas of a program's registration and of the config file's `hooks` entries.
 * @module
 */
import * as v from "valibot";
import { refuse } from "../config/error.ts";
import { parseTarget, TARGET_FORM } from "./target.ts";

/** The maximum limit that a program may ask for, in milliseconds. */
const MAX_LIMIT_MS = 600_000;

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
  v.maxValue(MAX_LIMIT_MS),
));
const policy = v.optional(v.picklist(["abort", "continue"]), "abort");

/** The registration of a program that gets requests; also an entry of the config file. */
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

/** The registration of a program that reads events, from the query of its request. */
export const EventsEntry = v.strictObject({
  name,
  limitMs: v.optional(v.pipe(
    v.string(),
    v.regex(/^\d{1,6}$/, "a whole number"),
    v.transform(Number),
    v.minValue(1),
    v.maxValue(MAX_LIMIT_MS),
  )),
  policy,
});

/** The checked registration of a program that gets requests. */
export type Request = v.InferOutput<typeof RequestEntry>;
/** The checked registration of a program that reads events. */
export type Events = v.InferOutput<typeof EventsEntry>;

/** Checks an entry of the config file; throws a ConfigError if the entry is wrong. */
export function readFixed(entry: unknown): Request {
  const read = v.safeParse(RequestEntry, entry);
  if (read.success) return read.output;
  const [issue] = read.issues;
  const field = v.getDotPath(issue) ?? "it";
  refuse(`hook ${JSON.stringify(entry)}`, `${field} must be ${issue.message}`);
}
