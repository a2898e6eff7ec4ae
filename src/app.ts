/**
 * Every route on one screen.
 * @module
 */
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { requestId } from "hono/request-id";
import type { Repaired } from "./lifecycle/journal.ts";
import type { LateRepairs } from "./lifecycle/late.ts";
import type { Lifecycle } from "./lifecycle/lifecycle.ts";
import type { Log } from "./log.ts";
import { residentBytes } from "./memory/resident.ts";
import { type Metrics, OPEN_METRICS } from "./metrics.ts";
import type { PortSubsystem } from "./ports/subsystem.ts";
import { health, plainHealth } from "./routes/health.ts";
import { logRequest } from "./routes/log_request.ts";
import { openapi } from "./routes/openapi.ts";
import { prepare } from "./routes/prepare.ts";
import { problem, ProblemError } from "./routes/problem.ts";
import { recover } from "./routes/recover.ts";
import { status } from "./routes/status.ts";
import type { Runtime } from "./runtime/types.ts";
import type { Bindings } from "./server/exchange.ts";
import { callOf, type Guard } from "./server/guard.ts";
import type { ConnectionKeeper } from "./server/keeper.ts";

/** The parts that routes speak to. */
export interface Agent {
  readonly lifecycle: Lifecycle;
  readonly runtime: Pick<Runtime, "name" | "version">;
  readonly keeper: Pick<ConnectionKeeper, "keepAlive">;
  readonly ports?: Pick<PortSubsystem, "status">;
  readonly metrics: Metrics;
  readonly late: LateRepairs;
  /** What a killed agent had left, and this one took back at its start. */
  readonly repaired: readonly Repaired[];
  /** Names for requests. */
  readonly newId: () => string;
  readonly log: Log;
  readonly bodyLimitBytes: number;
  readonly guard: Pick<Guard, "refusal" | "mayRecoverByHealth">;
  /** Whether a health check may end what is quiesced. */
  readonly healthMayRecover: () => boolean;
}

type App = Hono<{ Bindings: Bindings }>;

/** Answers every request; it listens nowhere. */
export function createHandler(
  agent: Agent,
): (request: Request, bindings: Bindings) => Promise<Response> {
  const app = createApp(agent);
  return async (request, bindings) =>
    await plainHealth(request, bindings, agent) ??
      await app.fetch(request, bindings);
}

/** The routes. */
export function createApp(agent: Agent): App {
  const { lifecycle, metrics, log, newId } = agent;
  const app: App = new Hono();
  app.use(async (c, next) => {
    await next();
    // Hono drops the body of a reply to HEAD, and with it the length.
    if (c.req.method === "HEAD") {
      const body = await c.res.clone().arrayBuffer();
      c.header("content-length", String(body.byteLength));
    }
  });
  app.use(requestId({ generator: newId }));
  app.use(async (c, next) => {
    if (c.env.rehearsal) return await next();
    const start = performance.now();
    metrics.requested();
    await next();
    logRequest(log, {
      request: c.get("requestId"),
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      ms: performance.now() - start,
    });
  });
  app.use(async (c, next) => {
    const refusal = agent.guard.refusal(callOf(c));
    if (refusal === undefined) return await next();
    // RFC 9110, 11.6.1: a 401 names what it wants.
    if (refusal === "token-needed") c.header("www-authenticate", "Bearer");
    return problem(c, lifecycle, new ProblemError(refusal));
  });
  // What a GET sends is never read. A message without either header has no body
  // (RFC 9112, 6.3), and Deno has a word to say on stderr about the request that the
  // limit would make of it.
  const limit = bodyLimit({
    maxSize: agent.bodyLimitBytes,
    onError: (c) => problem(c, lifecycle, new ProblemError("body-too-large")),
  });
  app.post("*", (c, next) => {
    const { headers } = c.req.raw;
    return headers.has("content-length") || headers.has("transfer-encoding")
      ? limit(c, next)
      : next();
  });

  app.post("/snapshot/prepare", (c) => prepare(c, lifecycle));
  app.post("/snapshot/recover", (c) => recover(c, agent));
  app.get("/health", (c) => health(c, agent));
  app.get("/snapshot", (c) => status(c, agent));
  app.get("/metrics", (c) => {
    const text = metrics.text({
      generation: lifecycle.generation,
      quiesced: lifecycle.state === "quiesced",
      resident: residentBytes(),
    });
    return c.body(text, 200, { "content-type": OPEN_METRICS });
  });
  app.get("/openapi.json", (c) => c.json(openapi()));

  for (const path of ["/health", "/snapshot", "/metrics", "/openapi.json"]) {
    app.all(path, (c) => wrongMethod(c, lifecycle, "GET, HEAD"));
  }
  for (const path of ["/snapshot/prepare", "/snapshot/recover"]) {
    app.all(path, (c) => wrongMethod(c, lifecycle, "POST"));
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

function wrongMethod(
  c: Context,
  lifecycle: Lifecycle,
  allow: string,
): Response {
  c.header("allow", allow);
  return problem(c, lifecycle, new ProblemError("method-not-allowed"));
}
