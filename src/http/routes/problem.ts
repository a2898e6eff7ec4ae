/**
 * Errors as problem documents (RFC 9457): a stable type, never the caller's own
 * input.
 * @module
 */
import type { Context } from "hono";
import type { Lifecycle } from "../../lifecycle/lifecycle.ts";
import type { ProblemDocument } from "./documents.ts";

/** The kinds of problem, their status and their title. */
export const PROBLEMS = {
  "invalid-input": [400, "The request has a wrong value"],
  "token-needed": [401, "This call needs the token of the agent"],
  "guest-call": [403, "Programs inside the guest may not call this"],
  "browser-call": [403, "Browsers may not call this"],
  "not-found": [404, "There is no such route"],
  "method-not-allowed": [405, "This route has no such method"],
  "body-timeout": [408, "The request's body did not arrive in time"],
  "other-operation": [409, "The call names another operation"],
  "fields-not-applied": [409, "Some fields could not be applied"],
  "overtaken": [409, "A recovery overtook the settle of this prepare"],
  "body-too-large": [413, "The request's body is too large"],
  "internal": [500, "The agent failed; its log says more"],
  "ending": [503, "The agent is ending and begins no prepare"],
  "entropy-missing": [503, "The random pool is that of other forks still"],
  "prepare-failed": [503, "The prepare did not hold and was undone"],
} as const;

/** A kind of problem. */
export type ProblemKind = keyof typeof PROBLEMS;

/** The type of a problem of that kind, as its document names it. */
export function problemType(kind: ProblemKind): string {
  return `urn:lull:problem:${kind}`;
}

/** A problem that a route throws; the app's error handler answers with it. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  constructor(
    readonly kind: ProblemKind,
    readonly more: Partial<ProblemDocument> = {},
  ) {
    super(PROBLEMS[kind][1]);
  }
}

/** Answers with a problem document. */
export function problem(
  c: Context,
  lifecycle: Pick<Lifecycle, "state">,
  { kind, more }: Pick<ProblemError, "kind" | "more">,
): Response {
  const [status, title] = PROBLEMS[kind];
  const body: ProblemDocument = {
    type: problemType(kind),
    title,
    status,
    state: lifecycle.state,
    ...more,
  };
  return c.body(JSON.stringify(body), status, {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
  });
}
