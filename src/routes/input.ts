/**
 * Reads what a caller sent, whole and within its time, and checks it.
 * @module
 */
import type { Context } from "hono";
import * as v from "valibot";
import type { Bindings } from "../server/exchange.ts";
import { ProblemError } from "./problem.ts";

/** Milliseconds that a body may take to arrive. */
const BODY_LIMIT_MS = 10_000;

/** The body as JSON, checked; no body, or an empty one, is an empty object. */
export async function readBody<S extends v.GenericSchema>(
  c: Context<{ Bindings: Bindings }>,
  schema: S,
): Promise<v.InferOutput<S>> {
  const text = await receive(c);
  if (text.trim() === "") return check(schema, {});
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProblemError("invalid-input", {
      errors: [{ path: "", expected: "JSON" }],
    });
  }
  if (Array.isArray(value)) {
    // To valibot an array is an object too.
    throw new ProblemError("invalid-input", {
      errors: [{ path: "", expected: "a JSON object" }],
    });
  }
  return check(schema, value);
}

/** The query, checked. */
export function readQuery<S extends v.GenericSchema>(
  c: Context<{ Bindings: Bindings }>,
  schema: S,
): v.InferOutput<S> {
  const values = Object.entries(c.req.queries()).map(([name, all]) => {
    if (all.length === 1) return [name, all[0]];
    throw new ProblemError("invalid-input", {
      errors: [{ path: "", expected: "each query parameter once" }],
    });
  });
  return check(schema, Object.fromEntries(values));
}

async function receive(c: Context<{ Bindings: Bindings }>): Promise<string> {
  const { exchange } = c.env;
  let timer: ReturnType<typeof setTimeout> | undefined;
  exchange.receiving = true;
  try {
    return await Promise.race([
      c.req.text(),
      new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new ProblemError("body-timeout")),
          BODY_LIMIT_MS,
        );
      }),
    ]);
  } finally {
    clearTimeout(timer);
    exchange.receiving = false;
  }
}

function check<S extends v.GenericSchema>(
  schema: S,
  value: unknown,
): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  throw new ProblemError("invalid-input", {
    errors: result.issues.map((issue) => ({
      path: knownPath(issue),
      // A message of our own says what was expected and never what came.
      expected: issue.type === "strict_object"
        ? unexpected(schema, issue)
        : issue.message.startsWith("Invalid ")
        ? issue.expected ?? "another value"
        : issue.message,
    })),
  });
}

/** The path to the wrong field; names that the schema lacks are not echoed. */
function knownPath(issue: v.BaseIssue<unknown>): string {
  return issue.type === "strict_object" ? "" : v.getDotPath(issue) ?? "";
}

function unexpected(
  schema: v.GenericSchema,
  issue: v.BaseIssue<unknown>,
): string {
  if (issue.expected !== "never") return issue.expected ?? "an object";
  const entries = (schema as { entries?: Record<string, unknown> }).entries;
  return `no fields but ${Object.keys(entries ?? {}).join(", ")}`;
}
