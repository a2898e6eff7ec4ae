/**
 * The dialect of wrenn's host: it polls health, prepares without a body, and reads the memory in use.
 * @module
 */
import type { Context, Next } from "hono";
import { memoryUse } from "../usage.ts";
import type { Dialect, DialectContext } from "../dialect.ts";

/** Makes the dialect. */
export function wrennDialect(_context: DialectContext): Dialect {
  return {
    routes: [{ method: "GET", path: "/metrics", handler: metrics }],
    // wrenn's host calls these two as Lull has them.
    lullPaths: ["/health", "/snapshot/prepare"],
  };
}

/** GET /metrics in JSON, for callers that do not ask for OpenMetrics. */
async function metrics(c: Context, next: Next): Promise<Response | void> {
  if (asksForOpenMetrics(c.req.header("accept"))) return await next();
  c.header("cache-control", "no-store");
  return c.json({ mem_used: memoryUse().used });
}

/** Whether the caller accepts OpenMetrics or the text format of Prometheus, and says so. */
function asksForOpenMetrics(accept: string | undefined): boolean {
  return accept !== undefined &&
    /\b(?:application\/openmetrics-text|text\/plain)\b/i.test(accept);
}
