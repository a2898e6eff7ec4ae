/**
 * Replies to requests according to the table of routes.
 * @module
 */
import { Hono } from "hono";
import { requestId } from "hono/request-id";
import { plainHealth } from "./routes/health.ts";
import { logRequest } from "./routes/log_request.ts";
import { nameOperation } from "./routes/operation_header.ts";
import { problem, ProblemError } from "./routes/problem.ts";
import { allowedMethods } from "./routes/route.ts";
import { ROUTES } from "./routes/table.ts";
import type { Bindings } from "../connections/exchange.ts";
import type { Agent } from "./context.ts";
import { callOf } from "./guard.ts";

type App = Hono<{ Bindings: Bindings }>;

/** The paths whose replies name the operation. */
const NAMING_PATHS = new Set(
  ROUTES.filter(({ namesOperation }) => namesOperation).map(({ path }) => path),
);

/** Replies to every request; it does not listen. */
export interface Replier {
  fetch(request: Request, env: Bindings): Promise<Response>;
}

/** Makes the app. */
export function createApp(agent: Agent): Replier {
  const app = createRouter(agent);
  return {
    async fetch(request, env) {
      return await plainHealth(request, env, agent) ??
        await app.fetch(request, env);
    },
  };
}

/** Makes the router with all routes and their middleware. */
export function createRouter(agent: Agent): App {
  const { lifecycle, metrics, log, newId } = agent;
  const app: App = new Hono();
  app.use(requestId({ generator: newId }));
  app.use(async (c, next) => {
    const start = performance.now();
    const { method, path } = c.req;
    const counts = !c.env.isSelfCall;
    if (counts) metrics.requested();
    await next();
    if (NAMING_PATHS.has(path)) nameOperation(c, lifecycle);
    if (method === "HEAD") {
      // Hono removes the body of a reply to HEAD, and the length would be that of no body.
      const { byteLength } = await c.res.clone().arrayBuffer();
      c.res.headers.set("content-length", String(byteLength));
    }
    if (!counts) return;
    logRequest(log, {
      request: c.get("requestId"),
      method,
      path,
      status: c.res.status,
      ms: performance.now() - start,
    });
  });
  app.use(async (c, next) => {
    c.set("bodyLimitBytes", agent.bodyLimitBytes);
    const refusal = agent.guard.refusal(callOf(c));
    if (refusal === undefined) return await next();
    // RFC 9110, 11.6.1: a 401 names the authentication that it needs.
    if (refusal === "token-needed") c.header("www-authenticate", "Bearer");
    return problem(c, lifecycle, new ProblemError(refusal));
  });

  for (const { method, path, handler } of ROUTES) {
    app.on(method, path, (c) => handler(c, agent));
  }
  for (const [path, allow] of allowedMethods(ROUTES)) {
    app.all(path, (c) => {
      c.header("allow", allow);
      return problem(c, lifecycle, new ProblemError("method-not-allowed"));
    });
  }
  app.notFound((c) => problem(c, lifecycle, new ProblemError("not-found")));
  app.onError((error, c) => {
    if (error instanceof ProblemError) return problem(c, lifecycle, error);
    log.error("request failed", {
      request: c.get("requestId"),
      error: error.stack ?? String(error),
    });
    return problem(c, lifecycle, new ProblemError("internal"));
  });
  return app;
}
