/**
 * The table of all routes. The agent serves this table, and the OpenAPI document is made from it.
 * @module
 */
import { OPEN_METRICS } from "../metrics.ts";
import { health, HOST_TIME } from "./health.ts";
import { metrics } from "./metrics.ts";
import { prepare } from "./prepare.ts";
import { recover } from "./recover.ts";
import type { Route } from "./route.ts";
import {
  CALL_HEADERS,
  HostTimeHeader,
  NoQuery,
  PrepareBody,
  PrepareQuery,
  RecoverBody,
} from "./schemas.ts";
import { PortRulesBody } from "./port_schemas.ts";
import { status } from "./status.ts";

const JSON_TYPE = "application/json";

/** The calls of a host when the machine runs again. */
const AFTER_PREPARE = {
  recover: {
    description: "Recovers this operation.",
    requestBody: { operation: "$response.header.Lull-Operation" },
  },
  health: { description: "Recovers, and replies that the guest is healthy." },
} as const;

/** The routes, in the order of the README. */
export const ROUTES: readonly Route[] = [
  {
    method: "POST",
    path: "/snapshot/prepare",
    operationId: "prepare",
    summary: "Quiesce the guest",
    handler: (c, { lifecycle }) => prepare(c, lifecycle),
    query: PrepareQuery,
    headers: CALL_HEADERS,
    body: PrepareBody,
    replies: {
      200: {
        description: "Settled; the report.",
        type: JSON_TYPE,
        schema: "PrepareReport",
        links: AFTER_PREPARE,
      },
      204: {
        description: "Quiesced; the settle goes on.",
        links: AFTER_PREPARE,
      },
    },
    problems: [
      ...["other-operation", "other-kind", "overtaken"] as const,
      ...["prepare-failed", "ending"] as const,
    ],
    namesOperation: true,
  },
  {
    method: "GET",
    path: "/health",
    operationId: "health",
    summary: "Check health; the first check after a prepare recovers",
    handler: health,
    open: true,
    headers: { [HOST_TIME]: HostTimeHeader },
    replies: {
      200: { description: "Healthy.", type: JSON_TYPE, schema: "Health" },
    },
    problems: ["entropy-missing", "not-renewed"],
    namesOperation: true,
  },
  {
    method: "GET",
    path: "/snapshot",
    operationId: "status",
    summary: "Read the status without changing it",
    handler: status,
    replies: {
      200: {
        description: "The status document.",
        type: JSON_TYPE,
        schema: "Status",
      },
    },
    namesOperation: true,
  },
  {
    method: "GET",
    path: "/snapshot/events",
    operationId: "events",
    summary: "Follow the state as server-sent events",
    // Loaded only if it is used.
    handler: async (c, agent) => (await import("./events.ts")).events(c, agent),
    replies: {
      200: {
        description:
          "Events `state`, whose data is a StateEvent: the state now, and then each change. " +
          "Events `port`, whose data is a PortEvent: each change of the forwarded ports. " +
          "In a quiesced guest the stream is silent, and it ends at the recovery. If the agent " +
          "cannot keep the connection, it ends when a prepare begins. Then connect again, after " +
          "the milliseconds of `retry`.",
        type: "text/event-stream",
      },
    },
  },
  {
    method: "POST",
    path: "/snapshot/recover",
    operationId: "recover",
    summary: "Recover; the reply says if there was nothing to recover",
    handler: recover,
    query: NoQuery,
    headers: CALL_HEADERS,
    body: RecoverBody,
    replies: {
      200: {
        description: "The report of the recovery.",
        type: JSON_TYPE,
        schema: "RecoverReply",
      },
    },
    problems: [
      ...["other-operation", "fields-not-applied"] as const,
      ...["entropy-missing", "not-renewed"] as const,
    ],
    namesOperation: true,
  },
  {
    method: "GET",
    path: "/ports",
    operationId: "ports",
    summary: "Read which ports are forwarded, and everything about each",
    // Loaded only if it is used.
    handler: async (c, agent) => (await import("./ports.ts")).ports(c, agent),
    replies: {
      200: { description: "The ports.", type: JSON_TYPE, schema: "PortList" },
    },
  },
  {
    method: "PUT",
    path: "/ports",
    operationId: "setPorts",
    summary: "Replace the rules that choose the ports to forward",
    handler: async (c, agent) =>
      (await import("./ports.ts")).setPorts(c, agent),
    body: PortRulesBody,
    replies: {
      200: {
        description: "The rules. They are lost if the agent restarts.",
        type: JSON_TYPE,
        schema: "PortRulesReply",
      },
    },
    problems: ["forwards-no-ports"],
  },
  {
    method: "GET",
    path: "/metrics",
    operationId: "metrics",
    summary: "Read the metrics",
    handler: metrics,
    replies: {
      200: { description: "OpenMetrics text.", type: OPEN_METRICS },
    },
  },
  {
    method: "GET",
    path: "/openapi.json",
    operationId: "openapi",
    summary: "Read this document",
    async handler(c, { tokenNeeded }) {
      const { openapi } = await import("./openapi.ts");
      return c.json(openapi(ROUTES, tokenNeeded));
    },
    replies: {
      200: { description: "OpenAPI 3.1.", type: JSON_TYPE },
    },
  },
];
