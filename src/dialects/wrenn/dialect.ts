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
import type { Dialect, DialectContext } from "../dialect.ts";
import { environmentOf, EnvVars, openFields } from "../environment.ts";
import { memoryUse } from "../usage.ts";

/** The body of POST /init. */
const InitBody = openFields({
  defaultUser: v.nullish(v.string("a text")),
  envVars: EnvVars,
});

/** Makes the dialect. */
export function wrennDialect(context: DialectContext): Dialect {
  return {
    routes: [
      { method: "POST", path: "/init", handler: (c) => init(c, context) },
      { method: "GET", path: "/metrics", handler: metrics },
    ],
    // wrenn's host calls the first two as Lull has them. The last one replies with OpenMetrics.
    lullPaths: ["/health", "/snapshot/prepare", "/metrics"],
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
  const { envVars, defaultUser, ...others } = await readBody(c, InitBody);
  const { data, refused, problem: tooMany } = environmentOf(
    envVars,
    { defaultUser },
    config.runtimeDirectory,
  );
  if (refused > 0) {
    log.warn("variables of the host were not kept: no program can read them", {
      count: refused,
    });
  }
  const left = [
    ...refused > 0 ? ["envVars"] : [],
    ...Object.values(others).some((value) => value != null) ? ["others"] : [],
  ];
  if (left.length > 0) c.header("lull-not-applied", left.join(", "));
  const { notApplied } = await lifecycle.recover({ trigger: "recover" }, {
    ...{ ...data, requestId: c.get("requestId") },
  });
  if (tooMany !== undefined) throw tooMany;
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

/** Whether the caller accepts OpenMetrics, or the text format of Prometheus, and names no JSON. */
function asksForOpenMetrics(accept = ""): boolean {
  return /\b(?:application\/openmetrics-text|text\/plain)\b/i.test(accept) &&
    !/\bapplication\/json\b/i.test(accept);
}
