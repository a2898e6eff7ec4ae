/**
 * The dialect of E2B's host.
 * @module
 */
import type { Context, Next } from "hono";
import type { Bindings } from "../../connections/exchange.ts";
import type { DialectRoute } from "../../http/routes/route.ts";
import type { Dialect, DialectContext } from "../dialect.ts";
import { health, metricsRoute } from "./state.ts";
import { ENVD_VERSION } from "./version.ts";

/** Makes the dialect. */
export function e2bDialect(_context: DialectContext): Dialect {
  const routes: readonly DialectRoute[] = [
    { method: "GET", path: "/health", handler: health },
    { method: "GET", path: "/metrics", handler: metricsRoute() },
  ];
  return { routes: routes.map(withVersion) };
}

/** Puts the version into every reply of the route, errors too. */
function withVersion({ handler, ...route }: DialectRoute): DialectRoute {
  return {
    ...route,
    handler(c: Context<{ Bindings: Bindings }>, next: Next) {
      c.header("x-envd-version", ENVD_VERSION);
      c.header("cache-control", "no-store");
      return handler(c, next);
    },
  };
}
