/**
 * Checks that a reply is one of Lull's agent: another server may listen at the address.
 * @module
 */
import { RefusedError, UnreachableError } from "./errors.ts";
import type { Problem } from "./types.ts";

/** A reply of any status. */
export interface AnyReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/**
 * Throws a RefusedError if the reply is an error, and an UnreachableError if it has
 * another status than the agent replies to this call.
 */
export function requireStatus(
  { status, headers, text }: AnyReply,
  expected: number,
): void {
  if (status === expected) return;
  if (status < 400) throw noReplyOfLull(`status ${status}`);
  const isProblem = headers.get("content-type")?.includes("problem+json");
  const problem = isProblem ? documentOf<Problem>(text, "type") : undefined;
  const why = problem?.detail ?? problem?.title ?? "no problem document";
  throw new RefusedError(
    `The agent replied ${status}: ${why}`,
    status,
    problem,
  );
}

/** Parses a document. Throws an UnreachableError if it is no JSON object with this field. */
export function documentOf<T extends object>(
  text: string,
  field: keyof T & string,
): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch { /* no JSON */ }
  if (typeof value === "object" && value !== null && field in value) {
    return value as T;
  }
  throw noReplyOfLull(`its body has no field ${field}`);
}

/** The error of a reply that is none of Lull's. */
export function noReplyOfLull(why: string): UnreachableError {
  return new UnreachableError(
    `Cannot read the reply: it is none of Lull's agent (${why})`,
  );
}
