/**
 * GET /ports and PUT /ports. This module is loaded at the first request for them.
 * @module
 */
import type { Context } from "hono";
import type { Bindings } from "../../connections/exchange.ts";
import { listPorts } from "../../ports/port_list.ts";
import type { Agent } from "../context.ts";
import type {
  PortListDocument,
  PortRulesReplyDocument,
} from "./port_documents.ts";
import { readBody } from "./input.ts";
import { ProblemError } from "./problem.ts";
import { PortRulesBody } from "./port_schemas.ts";

/** Replies with the ports that are forwarded, and everything about each; changes nothing. */
export async function ports(
  c: Context<{ Bindings: Bindings }>,
  { ports }: Pick<Agent, "ports">,
): Promise<Response> {
  c.header("cache-control", "no-store");
  if (ports === undefined) {
    const document: PortListDocument = {
      ...{ state: "off", addresses: [], complete: true, ports: [] },
      rules: { include: [], exclude: [] },
    };
    return c.json(document);
  }
  const { ports: listed, isComplete } = await listPorts(ports);
  const document: PortListDocument = {
    state: ports.status().state,
    addresses: ports.addresses,
    rules: ports.rules,
    complete: isComplete,
    ports: listed,
  };
  return c.json(document);
}

/**
 * Replaces the rules. While the subsystem is stopped, because the guest is quiesced, they are only
 * kept: nothing is scanned, and the recovery applies them.
 */
export async function setPorts(
  c: Context<{ Bindings: Bindings }>,
  { ports }: Pick<Agent, "ports">,
): Promise<Response> {
  const { include = [], exclude = [] } = await readBody(c, PortRulesBody);
  if (ports === undefined) throw new ProblemError("forwards-no-ports");
  await ports.setRules({ include, exclude });
  const document: PortRulesReplyDocument = {
    rules: ports.rules,
    applied: ports.status().state !== "stopped",
  };
  c.header("cache-control", "no-store");
  return c.json(document);
}
