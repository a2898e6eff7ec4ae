/**
 * GET /snapshot
 * @module
 */
import type { Context } from "hono";
import type { Bindings } from "../../connections/exchange.ts";
import type { Agent } from "../context.ts";
import { callOf } from "../guard.ts";
import { VERSION } from "../../version.ts";
import { reportOf } from "./prepare.ts";
import type { StatusDocument } from "./documents.ts";

/** Replies with the status document; changes nothing. */
export function status(
  c: Context<{ Bindings: Bindings }>,
  agent: Agent,
): Response {
  const { lifecycle, runtime, tracker, ports, repaired } = agent;
  const { guard, workingSet } = agent;
  const { operation, lastRecovery, lease } = lifecycle;
  const late = lifecycle.deferred.reports;
  const settled = lifecycle.state === "quiesced" &&
    operation?.settledMs !== undefined && operation.lapsed === undefined;
  const document: StatusDocument = {
    version: VERSION,
    runtime: { name: runtime.name, version: runtime.version },
    state: lifecycle.state,
    generation: lifecycle.generation,
    settled,
    keepAlive: tracker.keepAlive,
    lease: { seconds: lease.seconds, left: lease.left },
    operation: operation && reportOf(operation),
    lastRecovery: lastRecovery &&
      { ...lastRecovery, steps: [...lastRecovery.steps] },
    late: late.length > 0 ? late : undefined,
    renewal: lifecycle.deferred.requirements.renewal,
    repaired: repaired.length > 0 ? repaired : undefined,
    owedThaws: agent.owed?.names.length ? agent.owed.names : undefined,
    ready: agent.ready?.count || undefined,
    ports: ports?.status(),
    workingSet: settled && guard.mayReadMemory(callOf(c))
      ? workingSet?.()
      : undefined,
  };
  c.header("cache-control", "no-store");
  return c.json(document);
}
