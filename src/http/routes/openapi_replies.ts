/**
 * Makes the replies of the OpenAPI document.
 * @module
 */
import type { GenericSchema } from "valibot";
import type { JsonSchema } from "../../util/json_input.ts";
import { NetworkIdentity } from "../../network/identity.ts";
import * as documents from "./documents.ts";
import {
  Evidence,
  Recovery,
  Repaired,
  StepReport,
} from "../../lifecycle/reports.ts";
import {
  Health,
  PrepareReport,
  Problem,
  RecoverReply,
  StateEvent,
  Status,
} from "./documents.ts";
import * as portDocuments from "./port_documents.ts";
import {
  PortEvent,
  PortList,
  PortRules,
  PortRulesReply,
} from "./port_documents.ts";
import { schemaOf } from "./json_schema.ts";
import { type ProblemKind, PROBLEMS, problemType } from "../../util/problem.ts";
import { problemsOf, type Reply, type Route } from "./route.ts";

/** All documents of replies. */
const DOCUMENTS = { ...documents, ...portDocuments };

/** The schemas that have a name in the document. */
export const SHARED = {
  Evidence,
  Health,
  NetworkIdentity,
  PortEvent,
  PortList,
  PortRules,
  PortRulesReply,
  PrepareReport,
  Problem,
  RecoverReply,
  RecoveryReport: Recovery,
  Repaired,
  StateEvent,
  Status,
  StepReport,
} as const;

/** The headers of replies that have a name in the document. */
export const HEADERS = {
  "X-Request-Id": {
    description: "The caller's own, or one that the agent made.",
    required: true,
    schema: { type: "string" },
  },
  "Lull-Operation": {
    description: "The current operation, or the last one, if there was any.",
    schema: { type: "string" },
  },
} as const;

/** The content of a body, in one media type. */
export function content(type: string, schema?: GenericSchema): JsonSchema {
  return { [type]: schema ? { schema: schemaOf(schema, SHARED) } : {} };
}

/** All replies of a route, by their status. `allow` is the value of the header Allow of a 405. */
export function responsesOf(route: Route, allow: string): JsonSchema {
  const replies = Object.entries(route.replies).map(([status, reply]) => [
    status,
    response(route, reply),
  ]);
  return { ...Object.fromEntries(replies), ...problemResponses(route, allow) };
}

function response(
  route: Route,
  { description, type, schema, links }: Reply,
): JsonSchema {
  return {
    description,
    headers: replyHeaders(route),
    ...type === undefined
      ? {}
      : { content: content(type, schema && DOCUMENTS[schema]) },
    ...links === undefined ? {} : { links: linksOf(links) },
  };
}

function linksOf(links: NonNullable<Reply["links"]>): JsonSchema {
  return Object.fromEntries(
    Object.entries(links).map((
      [operationId, link],
    ) => [operationId, { operationId, ...link }]),
  );
}

/** The problem replies of a route, by status. Several kinds of problem may have the same status. */
function problemResponses(route: Route, allow: string): JsonSchema {
  const kinds = problemsOf(route);
  const statuses = new Set(kinds.map((kind) => PROBLEMS[kind][0]));
  return Object.fromEntries([...statuses].map((status) => {
    const same = kinds.filter((kind) => PROBLEMS[kind][0] === status);
    return [status, {
      description: same.map((kind) => PROBLEMS[kind][1]).join(". Or: "),
      headers: { ...replyHeaders(route), ...headersOfStatus(status, allow) },
      content: {
        "application/problem+json": { schema: problemSchema(status, same) },
      },
    }];
  }));
}

function problemSchema(
  status: number,
  kinds: readonly ProblemKind[],
): JsonSchema {
  return {
    allOf: [schemaOf(Problem, SHARED)],
    properties: {
      type: { enum: kinds.map(problemType) },
      status: { const: status },
    },
  };
}

function replyHeaders({ namesOperation }: Route): JsonSchema {
  const names: (keyof typeof HEADERS)[] = namesOperation
    ? ["X-Request-Id", "Lull-Operation"]
    : ["X-Request-Id"];
  return Object.fromEntries(
    names.map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  );
}

function headersOfStatus(status: number, allow: string): JsonSchema {
  switch (status) {
    case 401:
      return {
        "WWW-Authenticate": { required: true, schema: { const: "Bearer" } },
      };
    case 405:
      return { Allow: { required: true, schema: { const: allow } } };
    default:
      return {};
  }
}
