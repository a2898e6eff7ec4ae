/**
 * Replies to requests according to the table of routes.
 * @module
 */
import { HonoBase } from "hono/hono-base";
import { requestId } from "hono/request-id";
import { problem, ProblemError } from "./routes/problem.ts";
import { allowedMethods, type DialectRoute } from "./routes/route.ts";
import { ROUTES } from "./routes/table.ts";
import { Ending, OtherKind, OtherOperation } from "../lifecycle/errors.ts";
import { since } from "../util/errors.ts";
import type { Bindings } from "../connections/exchange.ts";
import type { Agent } from "./context.ts";
import { ExactRouter } from "./exact_router.ts";
import { callOf } from "./guard.ts";

/** The app that replies to requests. */
export type App = HonoBase<{ Bindings: Bindings }>;

declare module "hono" {
  interface ContextVariableMap {
    /**
     * The id of the operation that the reply is about. If no route sets it, it is the operation under
     * way, or the last one; before the first operation there is none.
     */
    operation: string | undefined;
  }
}

/** The paths whose replies name the operation. */
const NAMING_PATHS = new Set(
  ROUTES.filter(({ namesOperation }) => namesOperation).map(({ path }) => path),
);

/** Which routes an app serves; without options all of Lull's own. */
export interface AppOptions {
  /** Routes of dialects. */
  readonly dialects?: readonly DialectRoute[];
  /** The paths of Lull's own routes that the app serves; all if not given. */
  readonly paths?: readonly string[];
}

/** Makes the app that replies to every request; it does not listen. */
export function createApp(
  agent: Agent,
  { dialects = [], paths }: AppOptions = {},
): App {
  const { lifecycle, metrics, log, newId } = agent;
  const app: App = new HonoBase({ router: new ExactRouter() });
  app.use(requestId({ generator: newId }));
  app.use(async (c, next) => {
    const start = performance.now();
    const { method, path } = c.req;
    const counts = !c.env.isSelfCall;
    if (counts) metrics.requested();
    c.set("bodyLimitBytes", agent.bodyLimitBytes);
    await next();
    const operation = NAMING_PATHS.has(path)
      ? c.get("operation") ?? lifecycle.operation?.id
      : undefined;
    if (operation !== undefined) c.res.headers.set("lull-operation", operation);
    if (method === "HEAD") {
      // Hono removes the body of a reply to HEAD, and the length would be that of no body.
      const { byteLength } = await c.res.clone().arrayBuffer();
      c.res.headers.set("content-length", String(byteLength));
    }
    if (!counts) return;
    const kind = c.get("problem");
    if (kind !== undefined) metrics.refused(kind);
    const { status } = c.res;
    const request = c.get("requestId");
    const fields = {
      request,
      operation,
      method,
      path,
      status,
      problem: kind,
      ms: since(start),
    };
    log[levelOf(method, status)]("request", fields);
  });
  const own = paths === undefined
    ? ROUTES
    : ROUTES.filter(({ path }) => paths.includes(path));
  // Before Lull's guard: its token guards its own routes only.
  for (const { method, path, handler } of dialects) {
    app.on(method, path, handler);
  }
  app.use(async (c, next) => {
    const refusal = agent.guard.refusal(callOf(c));
    if (refusal === undefined) return await next();
    // RFC 9110, 11.6.1: a 401 names the authentication that it needs.
    if (refusal === "token-needed") c.header("www-authenticate", "Bearer");
    return problem(c, lifecycle, new ProblemError(refusal));
  });

  for (const { method, path, handler } of own) {
    app.on(method, path, (c) => handler(c, agent));
  }
  for (const [path, allow] of allowedMethods([...own, ...dialects])) {
    app.all(path, (c) => {
      c.header("allow", allow);
      return problem(c, lifecycle, new ProblemError("method-not-allowed"));
    });
  }
  app.notFound((c) => problem(c, lifecycle, new ProblemError("not-found")));
  app.onError((error, c) => {
    const known = problemOf(error);
    if (known === undefined) {
      log.error("request failed", {
        request: c.get("requestId"),
        error: error.stack ?? String(error),
      });
    }
    return problem(c, lifecycle, known ?? new ProblemError("internal"));
  });
  return app;
}

/** The level of a request's log line. Hosts poll often, so a GET without an error is for debugging. */
function levelOf(method: string, status: number) {
  if (status >= 500) return "error";
  if (status >= 400) return "warn";
  return method === "POST" || method === "PUT" ? "info" : "debug";
}

/** The problem of an error that a route may throw; undefined for an error that is a bug. */
function problemOf(error: unknown): ProblemError | undefined {
  if (error instanceof ProblemError) return error;
  if (error instanceof OtherOperation) {
    return new ProblemError("other-operation");
  }
  if (error instanceof OtherKind) return new ProblemError("other-kind");
  return error instanceof Ending ? new ProblemError("ending") : undefined;
}
