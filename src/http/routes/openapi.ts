/**
 * The OpenAPI 3.1 document, from the table of routes.
 * @module
 */
import type { GenericSchema } from "valibot";
import type { JsonSchema } from "../../util/json_input.ts";
import { VERSION } from "../../version.ts";
import { componentsOf, textSchemaOf } from "./json_schema.ts";
import { content, HEADERS, responsesOf, SHARED } from "./openapi_replies.ts";
import { problemType } from "../../util/problem.ts";
import { allowedMethods, type Route } from "./route.ts";

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
    responses: responsesOf(route, allow),
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
