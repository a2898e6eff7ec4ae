/**
 * GET /health
 * @module
 */
import type { Context } from "hono";
import type { Agent } from "../context.ts";
import type { RecoverRequest } from "../../lifecycle/step.ts";
import { Metrics } from "../metrics.ts";
import type { Bindings } from "../../connections/exchange.ts";
import { type Call, callOf } from "../guard.ts";
import { VERSION } from "../../version.ts";
import type { HealthDocument } from "./documents.ts";
import { readHeader } from "./input.ts";
import { logRequest } from "./log_request.ts";
import { nameOperation } from "./operation_header.ts";
import { ProblemError } from "./problem.ts";
import { HostTimeHeader } from "./schemas.ts";

/** The host's wall clock, for hosts that poll health and call nothing else. */
export const HOST_TIME = "Lull-Host-Time";
const REQUEST_ID = "x-request-id";
const PATH = "/health";
/** Counts what the agent asks itself, which is nobody's request. */
const UNCOUNTED = new Metrics();
/** Looked up once, as the timers are. */
const Reply = Response;
/** Where a URL's authority begins, behind the `http://` that the adapters give it. */
const AUTHORITY = 7;

/** 200 and the version; the first one after a prepare recovers before it. */
export async function health(
  c: Context<{ Bindings: Bindings }>,
  agent: Agent,
): Promise<Response> {
  const document = await check(callOf(c), () => readTime(c), agent);
  nameOperation(c, agent.lifecycle);
  c.header("cache-control", "no-store");
  return c.json(document);
}

/**
 * The same, past the router, for the call that nearly all are: nothing in it
 * but the path. In a machine that has just been restored all code runs for the
 * first time, and the router's would be a quarter of the way to this reply.
 * Undefined where there is more to it, which is the router's.
 */
export async function plainHealth(
  request: Request,
  { exchange, selfCall }: Bindings,
  agent: Agent,
): Promise<Response | undefined> {
  const { method, url, headers } = request;
  const path = url.slice(url.indexOf("/", AUTHORITY));
  if (method !== "GET" || path !== PATH) return undefined;
  if (headers.has(HOST_TIME) || headers.has(REQUEST_ID)) return undefined;
  const start = performance.now();
  const call = { method, path, headers, peer: exchange.peer };
  let document: HealthDocument;
  try {
    document = await check(call, () => ({}), agent);
  } catch {
    return undefined; // and the router has the words for it
  }
  const id = agent.newId();
  const metrics = selfCall ? UNCOUNTED : agent.metrics;
  metrics.requested();
  const ms = performance.now() - start;
  logRequest(agent.log, { request: id, method, path, status: 200, ms });
  // One by one, as another header may follow: that is the shorter way.
  const response = new Reply(JSON.stringify(document));
  response.headers.set("content-type", "application/json");
  response.headers.set("cache-control", "no-store");
  response.headers.set(REQUEST_ID, id);
  const { operation } = agent.lifecycle;
  if (operation !== undefined) {
    response.headers.set("lull-operation", operation.id);
  }
  return response;
}

async function check(
  call: Call,
  readRequest: () => RecoverRequest,
  { lifecycle, guard, healthMayRecover }: Agent,
): Promise<HealthDocument> {
  const trusted = guard.mayRecoverByHealth(call);
  const request = trusted ? readRequest() : {};
  // Without the permission to recover it still waits for a recovery under way.
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

function readTime(c: Context<{ Bindings: Bindings }>): RecoverRequest {
  const receivedAt = performance.now();
  const hostTime = readHeader(c, HOST_TIME, HostTimeHeader);
  return hostTime === undefined ? {} : { hostTime, receivedAt };
}
