/**
 * What all routes of E2B have: the version in every reply, the checks of the caller, and errors in
 * E2B's form.
 * @module
 */
import type { Context } from "hono";
import type { Bindings } from "../../connections/exchange.ts";
import { callOf } from "../../http/guard.ts";
import { ProblemError } from "../../http/routes/problem.ts";
import type { DialectRoute } from "../../http/routes/route.ts";
import { PrepareFailed } from "../../lifecycle/recovery.ts";
import { Ending, OtherKind } from "../../lifecycle/errors.ts";
import { messageOf } from "../../util/errors.ts";
import { PROBLEMS } from "../../util/problem.ts";
import type { DialectContext } from "../dialect.ts";
import { type AccessToken, tokenIn } from "./token.ts";
import { ENVD_VERSION } from "./version.ts";

/** The context of a request. */
export type Request = Context<{ Bindings: Bindings }>;

/** A route before the parts that all routes share. */
export interface Plain {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** True if the route needs no token in its header. */
  readonly open?: boolean;
  readonly handler: (c: Request) => Response | Promise<Response>;
}

/** An error that the reply names; the body has its message. */
export class Refused extends Error {
  override readonly name = "Refused";
  constructor(readonly status: 400 | 401 | 403 | 500 | 503, message: string) {
    super(message);
  }
}

/** Makes a route of the dialect. */
export function e2bRoute(
  { guard, log }: DialectContext,
  token: AccessToken,
  { method, path, open, handler }: Plain,
): DialectRoute {
  return {
    method,
    path,
    async handler(c) {
      // Set first: errors have them, too.
      c.header("x-envd-version", ENVD_VERSION);
      c.header("cache-control", "no-store");
      try {
        const refusal = method === "POST"
          ? guard.refusalOfDialect(callOf(c))
          : undefined;
        if (refusal !== undefined) throw new ProblemError(refusal);
        if (!open && !token.admits(tokenIn(c.req.raw.headers))) {
          throw new ProblemError("token-needed");
        }
        return await handler(c);
      } catch (error) {
        const { status, message, logged } = refusedBy(error);
        if (logged) {
          log.error("request failed", {
            request: c.get("requestId"),
            error: messageOf(error),
          });
        }
        if (error instanceof ProblemError) c.set("problem", error.kind);
        return c.json({ code: status, message }, status as 500);
      }
    },
  };
}

/**
 * The status and the message of an error, and whether its cause is in this guest. A message never
 * contains the caller's input.
 */
function refusedBy(
  error: unknown,
): { status: number; message: string; logged?: boolean } {
  if (error instanceof Refused) {
    const { status, message } = error;
    return { status, message, logged: status === 500 };
  }
  if (error instanceof ProblemError) {
    const [status, title] = PROBLEMS[error.kind];
    const wrong = error.more.errors?.map(({ path, expected }) =>
      `${path || "the request"}: expected ${expected}`
    );
    return { status, message: wrong?.join("; ") ?? title };
  }
  if (error instanceof PrepareFailed) {
    return { status: 500, message: error.message, logged: true };
  }
  // Another host has begun a prepare for another kind of snapshot meanwhile.
  if (error instanceof OtherKind) {
    return { status: 500, message: error.message };
  }
  if (error instanceof Ending) return { status: 503, message: error.message };
  const message = "the agent failed; its log says more";
  return { status: 500, message, logged: true };
}
