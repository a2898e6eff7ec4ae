/**
 * The OpenAPI 3.1 document, from the table of routes.
 * @module
 */
import type { GenericSchema } from "valibot";
import type { JsonSchema } from "../json_input.ts";
import { NetworkIdentity } from "../network_identity.ts";
import { VERSION } from "../version.ts";
import {
  Evidence,
  Health,
  PrepareReport,
  Problem,
  RecoverReply,
  RecoveryReport,
  Repaired,
  Status,
  StepReport,
} from "./documents.ts";
import { componentsOf, schemaOf, textSchemaOf } from "./json_schema.ts";
import { type ProblemKind, PROBLEMS, problemType } from "./problem.ts";
import { allowedMethods, problemsOf, type Reply, type Route } from "./route.ts";

/** The schemas that have a name in the document. */
const SHARED = {
  Evidence,
  Health,
  NetworkIdentity,
  PrepareReport,
  Problem,
  RecoverReply,
  RecoveryReport,
  Repaired,
  Status,
  StepReport,
} as const;

/** The headers of replies that have a name in the document. */
const HEADERS = {
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

/** The ways to show the token; either is enough. */
const SECURITY_SCHEMES = {
  bearer: { type: "http", scheme: "bearer" },
  accessToken: { type: "apiKey", in: "header", name: "X-Access-Token" },
} as const;

/** The document; with `tokenNeeded` all calls but the open ones need the token. */
export function openapi(
  routes: readonly Route[],
  tokenNeeded: boolean,
): JsonSchema {
  const allowed = allowedMethods(routes);
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const route of routes) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(
      route,
      allowed.get(route.path)!,
      tokenNeeded,
    );
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Lull",
      version: VERSION,
      description:
        "Makes a virtual machine safe to snapshot, and right again after the " +
        "restore. Each GET answers HEAD as well. A path that is not listed here is " +
        `answered with 404 and a problem of type ${problemType("not-found")}.`,
    },
    paths,
    components: {
      schemas: componentsOf(SHARED),
      headers: HEADERS,
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}

function operation(
  route: Route,
  allow: string,
  tokenNeeded: boolean,
): JsonSchema {
  const { operationId, summary, query, headers = {}, body } = route;
  const parameters = [
    ...query === undefined ? [] : queryParameters(query),
    ...Object.entries(headers).map(([name, schema]) =>
      parameter("header", name, schema)
    ),
  ];
  return {
    operationId,
    summary,
    ...parameters.length > 0 ? { parameters } : {},
    ...body === undefined ? {} : {
      requestBody: {
        required: false,
        content: content("application/json", body),
      },
    },
    security: securityOf(route, tokenNeeded),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.replies).map((
          [status, reply],
        ) => [status, response(route, reply)]),
      ),
      ...problemResponses(route, allow),
    },
  };
}

/** A call that needs none may show one: an open call is then the host's. */
function securityOf({ open }: Route, tokenNeeded: boolean): JsonSchema[] {
  if (!tokenNeeded) return [];
  const schemes = Object.keys(SECURITY_SCHEMES).map((name) => ({ [name]: [] }));
  return open ? [{}, ...schemes] : schemes;
}

function queryParameters(schema: GenericSchema): JsonSchema[] {
  const { entries } = schema as unknown as {
    entries: Record<string, GenericSchema>;
  };
  return Object.entries(entries).map(([name, entry]) =>
    parameter("query", name, entry)
  );
}

function parameter(
  place: "query" | "header",
  name: string,
  schema: GenericSchema,
): JsonSchema {
  return { name, in: place, required: false, schema: textSchemaOf(schema) };
}

function content(type: string, schema?: GenericSchema): JsonSchema {
  return { [type]: schema ? { schema: schemaOf(schema, SHARED) } : {} };
}

function response(
  route: Route,
  { description, type, schema, links }: Reply,
): JsonSchema {
  return {
    description,
    headers: replyHeaders(route),
    ...type === undefined ? {} : { content: content(type, schema) },
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

/** By status: several kinds may have the same one. */
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
