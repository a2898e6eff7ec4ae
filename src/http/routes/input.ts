/**
 * Reads and checks the body, the query and the headers of a request, within their limits.
 * @module
 */
import type { Context } from "hono";
import * as v from "valibot";
import type { Bindings } from "../../connections/exchange.ts";
import { expectedBy, issuesOf } from "../../util/json_input.ts";
import { hasBody, readRequestBody } from "../../util/request_body.ts";
import { textOf } from "../../util/utf8.ts";
import { within } from "../../util/within.ts";
import { ProblemError } from "./problem.ts";

/** Milliseconds that a body may take to arrive. */
const BODY_LIMIT_MS = 10_000;

declare module "hono" {
  interface ContextVariableMap {
    /** The largest number of bytes of a body. */
    bodyLimitBytes: number;
  }
}

/** Reads the body as JSON and checks it. If there is no body, the value is an empty object. */
export async function readBody<S extends v.GenericSchema>(
  c: Context<{ Bindings: Bindings }>,
  schema: S,
): Promise<v.InferOutput<S>> {
  const bytes = await receive(c);
  if (bytes.length === 0) return check(schema, {});
  const text = textOf(bytes);
  bytes.fill(0); // it may hold secrets
  if (text === undefined) throw wrong("", "JSON in UTF-8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong("", "JSON");
  }
  return check(schema, value);
}

/** Reads the query and checks it. Parameters other than `only` are ignored, if it is given. */
export function readQuery<S extends v.GenericSchema>(
  c: Context<{ Bindings: Bindings }>,
  schema: S,
  only?: readonly string[],
): v.InferOutput<S> {
  const given = Object.entries(c.req.queries())
    .filter(([name]) => only?.includes(name) ?? true);
  const values = given.map(([name, all]) => {
    if (all.length === 1) return [name, all[0]];
    throw wrong("", "each query parameter once");
  });
  return check(schema, Object.fromEntries(values));
}

/** Reads the header and checks it; undefined if the caller sent none. */
export function readHeader<S extends v.GenericSchema>(
  c: Context<{ Bindings: Bindings }>,
  name: string,
  schema: S,
): v.InferOutput<S> | undefined {
  const text = c.req.header(name);
  if (text === undefined) return undefined;
  const result = v.safeParse(schema, text);
  if (result.success) return result.output;
  throw wrong(`header ${name}`, expectedBy(result.issues[0]));
}

/** Reads the body, within the limits of size and time. */
async function receive(
  c: Context<{ Bindings: Bindings }>,
): Promise<Uint8Array> {
  const request = c.req.raw;
  if (!hasBody(request)) return new Uint8Array();
  const { exchange } = c.env;
  exchange.receiving = true;
  try {
    const body = readRequestBody(request, c.get("bodyLimitBytes"));
    const received = await within(body, { limitMs: BODY_LIMIT_MS });
    if ("early" in received) throw new ProblemError("body-timeout");
    const { value } = received;
    if (typeof value === "string") throw new ProblemError(value);
    return value;
  } finally {
    exchange.receiving = false;
  }
}

/** Checks a value; throws the problem that the reply names. */
export function check<S extends v.GenericSchema>(
  schema: S,
  value: unknown,
): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  throw new ProblemError("invalid-input", { errors: issuesOf(result.issues) });
}

function wrong(path: string, expected: string): ProblemError {
  return new ProblemError("invalid-input", { errors: [{ path, expected }] });
}
