/**
 * What a route is: enough to serve it and to describe it.
 * @module
 */
import type { Context } from "hono";
import type { GenericSchema } from "valibot";
import type { Agent } from "../context.ts";
import type { Bindings } from "../../connections/exchange.ts";
import type { ProblemKind } from "../../util/problem.ts";

/** A reply that is no problem. */
export interface Reply {
  readonly description: string;
  /** Without one the reply has no body. */
  readonly type?: string;
  /** Of a reply in JSON. */
  readonly schema?: GenericSchema;
  /** The calls that come next, by their operationId, and what they may say then. */
  readonly links?: Readonly<Record<string, Link>>;
}

/** A call that follows a reply. */
export interface Link {
  readonly description: string;
  /** Fields of its body, or expressions for them (OpenAPI 3.1, 4.8.20.4). */
  readonly requestBody?: Readonly<Record<string, string>>;
}

/** One route. A GET answers HEAD as well, and any other method is a 405. */
export interface Route {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Its name in programs that are made from the OpenAPI document. */
  readonly operationId: string;
  readonly summary: string;
  readonly handler: (
    c: Context<{ Bindings: Bindings }>,
    agent: Agent,
  ) => Response | Promise<Response>;
  /** True where it answers without the token that others need. */
  readonly open?: boolean;
  /** What it takes, each as its handler checks it. */
  readonly query?: GenericSchema;
  readonly headers?: Readonly<Record<string, GenericSchema>>;
  readonly body?: GenericSchema;
  readonly replies: Readonly<Record<number, Reply>>;
  /** The kinds of its own, beside those that follow from what it takes. */
  readonly problems?: readonly ProblemKind[];
  /** True where its replies name the operation in a header. */
  readonly namesOperation?: boolean;
}

/** All kinds of problem that the route answers with. */
export function problemsOf(route: Route): ProblemKind[] {
  const { method, query, headers, body, open, problems = [] } = route;
  const kinds: ProblemKind[] = ["method-not-allowed", "internal", ...problems];
  if (!open) kinds.push("token-needed");
  if (method === "POST") kinds.push("browser-call", "guest-call");
  if (query ?? headers ?? body) kinds.push("invalid-input");
  if (body) kinds.push("body-timeout", "body-too-large");
  return kinds;
}

/** The methods of each path, for the header Allow. */
export function allowedMethods(
  routes: readonly Route[],
): ReadonlyMap<string, string> {
  const allowed = new Map<string, string>();
  for (const { method, path } of routes) {
    const methods = method === "GET" ? "GET, HEAD" : method;
    const others = allowed.get(path);
    allowed.set(path, others === undefined ? methods : `${others}, ${methods}`);
  }
  return allowed;
}
