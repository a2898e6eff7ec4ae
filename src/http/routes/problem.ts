/**
 * Problem documents of the HTTP API: each has the state of the agent.
 * @module
 */
import type { Context } from "hono";
import type { Lifecycle } from "../../lifecycle/lifecycle.ts";
import {
  type ProblemKind,
  problemReply,
  PROBLEMS,
} from "../../util/problem.ts";
import type { ProblemDocument } from "./documents.ts";

declare module "hono" {
  interface ContextVariableMap {
    /** The kind of the problem that the reply is; undefined for another reply. */
    problem: ProblemKind | undefined;
  }
}

/** A problem that a route throws; the app replies with its document. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  constructor(
    readonly kind: ProblemKind,
    readonly more: Partial<ProblemDocument> = {},
  ) {
    super(PROBLEMS[kind][1]);
  }
}

/** Replies with a problem document. */
export function problem(
  c: Context,
  { state }: Pick<Lifecycle, "state">,
  { kind, more }: Pick<ProblemError, "kind" | "more">,
): Response {
  c.set("problem", kind);
  const { status, headers, body } = problemReply(kind, { state, ...more });
  return c.body(body, status, headers);
}
