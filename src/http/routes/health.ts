/**
 * GET /health
 * @module
 */
import type { Context } from "hono";
import type { Agent } from "../context.ts";
import type { RecoverRequest } from "../../lifecycle/step.ts";
import type { Bindings } from "../../connections/exchange.ts";
import { type Call, callOf } from "../guard.ts";
import { VERSION } from "../../version.ts";
import type { HealthDocument } from "./documents.ts";
import { readHeader } from "./input.ts";
import { logRequest } from "./log_request.ts";
import { OPERATION } from "./operation_header.ts";
import { ProblemError } from "./problem.ts";
import { HostTimeHeader } from "./schemas.ts";

/** The header with the host's wall clock, for hosts that call no other route. */
export const HOST_TIME = "Lull-Host-Time";
/** The header of Hono's middleware that numbers requests. */
const REQUEST_ID = "X-Request-Id";
const PATH = "/health";

/**
 * Replies with 200 and the version. The first check after a prepare recovers the guest before it
 * replies.
 */
export async function health(
  c: Context<{ Bindings: Bindings }>,
  agent: Agent,
): Promise<Response> {
  const document = await checkHealth(agent, callOf(c), () => readTime(c));
  c.header("cache-control", "no-store");
  return c.json(document);
}

/** Performs a health check. Throws a problem if the guest lacks the entropy that the host requires. */
async function checkHealth(
  { lifecycle, guard, healthMayRecover }: Agent,
  call: Call,
  readRequest: () => RecoverRequest,
): Promise<HealthDocument> {
  const trusted = guard.mayRecoverByHealth(call);
  const request = trusted ? readRequest() : {};
  // A check that may not recover still waits for a recovery under way.
  if (lifecycle.state !== "quiesced" || (trusted && healthMayRecover())) {
    await lifecycle.recover({ trigger: "health" }, request);
  }
  if (lifecycle.deferred.lacksEntropy) {
    throw new ProblemError("entropy-missing");
  }
  return {
    version: VERSION,
    state: lifecycle.state,
    generation: lifecycle.generation,
  };
}

/**
 * Replies to a GET of /health without a query and without headers that Lull reads; undefined for
 * every other request. The reply is the same as that of the router and its middleware, and a fork
 * touches 140 pages fewer for its first reply (see tests/bench/LEVERS.md).
 */
export async function plainHealth(
  request: Request,
  { exchange, isSelfCall }: Bindings,
  agent: Agent,
): Promise<Response | undefined> {
  const { method, url, headers } = request;
  if (method !== "GET" || pathOf(url) !== PATH) return undefined;
  if (headers.has(HOST_TIME) || headers.has(REQUEST_ID)) return undefined;
  const start = performance.now();
  const id = agent.newId();
  const call = { method, path: PATH, headers, peer: exchange.peer };
  let document: HealthDocument;
  try {
    document = await checkHealth(agent, call, () => ({}));
  } catch {
    return undefined; // the router repeats the check, and replies with the problem
  }
  const { operation } = agent.lifecycle;
  const reply = new Response(JSON.stringify(document), {
    headers: {
      "cache-control": "no-store",
      "content-type": "application/json",
      [REQUEST_ID]: id,
      ...(operation === undefined ? {} : { [OPERATION]: operation.id }),
    },
  });
  if (isSelfCall) return reply;
  agent.metrics.requested();
  logRequest(agent.log, {
    ...{ request: id, method, path: PATH, status: 200 },
    ms: performance.now() - start,
  });
  return reply;
}

/** What follows the host in a complete URL. */
function pathOf(url: string): string {
  return url.slice(url.indexOf("/", "https://".length));
}

function readTime(c: Context<{ Bindings: Bindings }>): RecoverRequest {
  const receivedAt = performance.now();
  const hostTime = readHeader(c, HOST_TIME, HostTimeHeader);
  return hostTime === undefined ? {} : { hostTime, receivedAt };
}
