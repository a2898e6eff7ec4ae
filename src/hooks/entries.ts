/**
 * The schemas of a program's registration and of the config file's `hooks` entries.
 * @module
 */
import * as v from "valibot";
import { refuse } from "../config/error.ts";
import { fields, issuesOf } from "../util/json_input.ts";
import { parseTarget, TARGET_FORM } from "./target.ts";

/** The maximum limit that a program may ask for, in milliseconds. */
const MAX_LIMIT_MS = 600_000;

const LIMIT_FORM = `a whole number from 1 to ${MAX_LIMIT_MS}`;
const NAME_FORM = "up to 64 letters, digits, dots, dashes and underscores";

const name = v.pipe(
  v.string(NAME_FORM),
  v.regex(/^[A-Za-z0-9._-]{1,64}$/, NAME_FORM),
);
const limitMs = v.optional(v.pipe(
  v.number(LIMIT_FORM),
  v.integer(LIMIT_FORM),
  v.minValue(1, LIMIT_FORM),
  v.maxValue(MAX_LIMIT_MS, LIMIT_FORM),
));
const policy = v.optional(
  v.picklist(["abort", "continue"], "abort or continue"),
  "abort",
);

/** The registration of a program that gets requests; also an entry of the config file. */
export const RequestEntry = fields({
  name,
  url: v.pipe(
    v.string(TARGET_FORM),
    v.maxLength(1024, "at most 1024 characters"),
    v.check((text) => parseTarget(text) !== undefined, TARGET_FORM),
  ),
  limitMs,
  policy,
});

/** The registration of a program that reads events, from the query of its request. */
export const EventsEntry = fields({
  name,
  limitMs: v.optional(v.pipe(
    v.string(LIMIT_FORM),
    v.regex(/^\d{1,6}$/, LIMIT_FORM),
    v.transform(Number),
    v.minValue(1, LIMIT_FORM),
    v.maxValue(MAX_LIMIT_MS, LIMIT_FORM),
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
  const [{ path, expected }] = issuesOf(read.issues);
  const field = path === "" ? "" : `${path}: `;
  refuse(`hook ${JSON.stringify(entry)}`, `${field}expected ${expected}`);
}
