/**
 * The dialect of wrenn's host. It polls health, prepares without a body, sends variables for the
 * workload after a resume, and reads the memory in use. It sends no token.
 * @module
 */
import type { Context, Next } from "hono";
import * as v from "valibot";
import type { Bindings } from "../../connections/exchange.ts";
import { callOf } from "../../http/guard.ts";
import { readBody } from "../../http/routes/input.ts";
import { problem, ProblemError } from "../../http/routes/problem.ts";
import { fields } from "../../util/json_input.ts";
import type { Dialect, DialectContext } from "../dialect.ts";
import { environmentOf } from "../environment.ts";
import { memoryUse } from "../usage.ts";

/** The body of POST /init. */
const InitBody = fields({
  defaultUser: v.nullish(v.string("a text")),
  envVars: v.nullish(v.record(v.string(), v.string("a text"))),
});

/** Makes the dialect. */
export function wrennDialect(context: DialectContext): Dialect {
  return {
    routes: [
      { method: "POST", path: "/init", handler: (c) => init(c, context) },
      { method: "GET", path: "/metrics", handler: metrics },
    ],
    // wrenn's host calls these two as Lull has them.
    lullPaths: ["/health", "/snapshot/prepare"],
  };
}

/**
 * POST /init: replies with 204. The first health check of a resume comes before it and recovers the
 * guest, unless the option healthRecovers says otherwise: then this call does.
 */
async function init(
  c: Context<{ Bindings: Bindings }>,
  { config, guard, lifecycle, log }: DialectContext,
): Promise<Response> {
  const refusal = guard.refusalOfDialect(callOf(c));
  if (refusal !== undefined) {
    return problem(c, lifecycle, new ProblemError(refusal));
  }
  const { envVars, ...defaults } = await readBody(c, InitBody);
  const { env, refused } = environmentOf(
    config.runtimeDirectory,
    envVars,
    defaults,
  );
  if (refused.length > 0) {
    log.warn("variables of the host were not kept: no program can read them", {
      count: refused.length,
    });
    c.header("lull-not-applied", "envVars");
  }
  const { notApplied } = await lifecycle.recover({ trigger: "recover" }, {
    ...{ env, requestId: c.get("requestId") },
  });
  if (notApplied.length > 0) {
    throw new ProblemError("fields-not-applied", { fields: ["envVars"] });
  }
  c.header("cache-control", "no-store");
  return c.body(null, 204);
}

/** GET /metrics in JSON, for callers that do not ask for OpenMetrics. */
async function metrics(c: Context, next: Next): Promise<Response | void> {
  if (asksForOpenMetrics(c.req.header("accept"))) return await next();
  c.header("cache-control", "no-store");
  return c.json({ mem_used: memoryUse().used });
}

/** Whether the caller says that it accepts OpenMetrics, or the text format of Prometheus. */
function asksForOpenMetrics(accept: string | undefined): boolean {
  return accept !== undefined &&
    /\b(?:application\/openmetrics-text|text\/plain)\b/i.test(accept);
}
