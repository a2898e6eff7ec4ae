/**
 * GET /health
 * @module
 */
import type { Context } from "hono";
import type { Agent } from "../context.ts";
import type { RecoverRequest } from "../../lifecycle/step.ts";
import type { Bindings } from "../../connections/exchange.ts";
import { callOf } from "../guard.ts";
import { VERSION } from "../../version.ts";
import type { HealthDocument } from "./documents.ts";
import { readHeader } from "./input.ts";
import { ProblemError } from "./problem.ts";
import { HostTimeHeader } from "./schemas.ts";

/** The header with the host's wall clock, for hosts that call no other route. */
export const HOST_TIME = "Lull-Host-Time";

/**
 * Replies with 200 and the version. The first check after a prepare recovers the guest before it
 * replies.
 */
export async function health(
  c: Context<{ Bindings: Bindings }>,
  { lifecycle, guard, healthMayRecover }: Agent,
): Promise<Response> {
  const trusted = guard.mayRecoverByHealth(callOf(c));
  const requestId = c.get("requestId");
  const request = trusted ? { ...readTime(c), requestId } : { requestId };
  // A check that may not recover still waits for a recovery under way.
  if (lifecycle.state !== "quiesced" || (trusted && healthMayRecover())) {
    await lifecycle.recover({ trigger: "health" }, request);
  }
  if (lifecycle.deferred.requirements.lacksEntropy) {
    throw new ProblemError("entropy-missing");
  }
  if (lifecycle.deferred.requirements.lacksIdentity) {
    throw new ProblemError("not-renewed");
  }
  const document: HealthDocument = {
    version: VERSION,
    state: lifecycle.state,
    generation: lifecycle.generation,
  };
  c.header("cache-control", "no-store");
  return c.json(document);
}

function readTime(c: Context<{ Bindings: Bindings }>): RecoverRequest {
  const { receivedAt } = c.env.exchange;
  const hostTime = readHeader(c, HOST_TIME, HostTimeHeader);
  return hostTime === undefined ? {} : { hostTime, receivedAt };
}
