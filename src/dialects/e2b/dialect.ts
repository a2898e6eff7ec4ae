/**
 * The dialect of E2B's host, which freezes the workload before a pause and calls /init after it.
 * @module
 */
import type { Dialect, DialectContext } from "../dialect.ts";
import { freeze, freezeDisks, thawDisks, unfreeze } from "./freeze.ts";
import { initHandler } from "./init.ts";
import { hashReader } from "./mmds.ts";
import { e2bRoute, type Plain, type Request } from "./route.ts";
import { health, metricsHandler } from "./state.ts";
import { AccessToken } from "./token.ts";

/** Makes the dialect. */
export function e2bDialect(context: DialectContext): Dialect {
  const { lifecycle, libc, config } = context;
  const token = new AccessToken(hashReader(config.e2bMetadata));
  const post = (path: string, handler: Plain["handler"]): Plain => ({
    ...{ method: "POST", path, handler },
  });
  const routes: readonly Plain[] = [
    { method: "GET", path: "/health", open: true, handler: health },
    { method: "GET", path: "/metrics", handler: metricsHandler() },
    post("/freeze", (c) => freeze(c, lifecycle, config.lease)),
    post("/unfreeze", (c) => unfreeze(c, lifecycle)),
    post("/fsfreeze", (c) => freezeDisks(c, lifecycle, config.lease)),
    post("/fsthaw", (c) => thawDisks(c, lifecycle)),
    // Loaded only if it is used.
    post("/collapse", async (c: Request) => {
      const { collapseOwn } = await import("../../memory/collapse.ts");
      return c.json(collapseOwn(libc));
    }),
    // It checks the token that is in its body.
    { ...post("/init", initHandler(context, token)), open: true },
  ];
  return { routes: routes.map((route) => e2bRoute(context, token, route)) };
}
