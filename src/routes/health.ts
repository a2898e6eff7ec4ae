/**
 * GET /health
 * @module
 */
import type { Context } from "hono";
import * as v from "valibot";
import type { Agent } from "../app.ts";
import type { RecoverRequest } from "../lifecycle/step.ts";
import { type Bindings } from "../server/exchange.ts";
import { callOf } from "../server/guard.ts";
import { VERSION } from "../version.ts";
import { ProblemError } from "./problem.ts";
import { HostTime } from "./schemas.ts";

/** The host's wall clock, for hosts that poll health and call nothing else. */
const HOST_TIME = "lull-host-time";

/** 200 and the version; the first one after a prepare recovers before it. */
export async function health(
  c: Context<{ Bindings: Bindings }>,
  { lifecycle, late, guard, healthMayRecover }: Agent,
): Promise<Response> {
  const trusted = guard.mayRecoverByHealth(callOf(c));
  const request = trusted ? readHeader(c) : {};
  // Without the leave to recover it still waits for a recovery under way.
  if (lifecycle.state !== "quiesced" || (trusted && healthMayRecover())) {
    await lifecycle.recover("health", request);
    if (trusted) await late.offer(request);
  }
  if (late.lacksEntropy) throw new ProblemError("entropy-missing");
  c.header("cache-control", "no-store");
  return c.json({
    version: VERSION,
    state: lifecycle.state,
    generation: lifecycle.generation,
  });
}

function readHeader(c: Context): RecoverRequest {
  const text = c.req.header(HOST_TIME);
  if (text === undefined) return {};
  const receivedAt = performance.now();
  const hostTime = v.safeParse(HostTime, text);
  if (hostTime.success) return { hostTime: hostTime.output, receivedAt };
  const expected = hostTime.issues[0].message;
  throw new ProblemError("invalid-input", {
    errors: [{ path: `header ${HOST_TIME}`, expected }],
  });
}
