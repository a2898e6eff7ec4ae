/**
 * The type of a route: everything that serving and describing the route need.
 * @module
 */
import type { Context, Next } from "hono";
import type { GenericSchema } from "valibot";
import type { Agent } from "../context.ts";
import type { Bindings } from "../../connections/exchange.ts";
import type { ProblemKind } from "../../util/problem.ts";

/** The schemas of replies. */
type Documents =
  & typeof import("./documents.ts")
  & typeof import("./port_documents.ts");

/** A reply that is not a problem. */
export interface Reply {
  readonly description: string;
  /** The media type; undefined if the reply has no body. */
  readonly type?: string;
  /**
   * The schema of a reply in JSON: its name in documents.ts or port_documents.ts. Only the OpenAPI document needs these
   * schemas. Making them takes 1.3 ms, so they are loaded with that document.
   */
  readonly schema?: keyof Documents;
  /** The calls that may follow this reply, by their operationId. */
  readonly links?: Readonly<Record<string, Link>>;
}

/** A call that may follow a reply. */
export interface Link {
  readonly description: string;
  /** The fields of its body, or runtime expressions (OpenAPI 3.1, 4.8.20.4). */
  readonly requestBody?: Readonly<Record<string, string>>;
}

/** One route. A GET route also serves HEAD; the reply to any other method is 405. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  /** The name of the call in clients that are generated from the OpenAPI document. */
  readonly operationId: string;
  readonly summary: string;
  readonly handler: (
    c: Context<{ Bindings: Bindings }>,
    agent: Agent,
  ) => Response | Promise<Response>;
  /** True if the route never needs the token. */
  readonly open?: boolean;
  /** The schemas of the input; the handler checks the input against them. */
  readonly query?: GenericSchema;
  readonly headers?: Readonly<Record<string, GenericSchema>>;
  readonly body?: GenericSchema;
  readonly replies: Readonly<Record<number, Reply>>;
  /** The kinds of problem of this route, without those that follow from its input. */
  readonly problems?: readonly ProblemKind[];
  /** True if its replies name the operation in the header Lull-Operation. */
  readonly namesOperation?: boolean;
}

/**
 * One route of a dialect, which takes the place of Lull's route of the same method and path. The
 * handler itself decides whether the call is allowed, because a dialect has a token of its own. A
 * handler that calls `next` and returns nothing leaves the request to Lull's routes.
 */
export interface DialectRoute {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly handler: (
    c: Context<{ Bindings: Bindings }>,
    next: Next,
  ) => Promise<Response | void>;
}

/** All kinds of problem that the route replies with. */
export function problemsOf(route: Route): ProblemKind[] {
  const { method, query, headers, body, open, problems = [] } = route;
  const kinds: ProblemKind[] = ["method-not-allowed", "internal", ...problems];
  if (!open) kinds.push("token-needed");
  if (method !== "GET") kinds.push("browser-call", "guest-call");
  if (query ?? headers ?? body) kinds.push("invalid-input");
  if (body) kinds.push("body-incomplete", "body-timeout", "body-too-large");
  return kinds;
}

/** The methods of each path, in the form of the header Allow. */
export function allowedMethods(
  routes: readonly Pick<Route, "method" | "path">[],
): ReadonlyMap<string, string> {
  const allowed = new Map<string, string>();
  for (const { method, path } of routes) {
    const methods = method === "GET" ? "GET, HEAD" : method;
    const others = allowed.get(path);
    // A dialect may have a route of Lull's, too.
    if (others?.includes(methods)) continue;
    allowed.set(path, others === undefined ? methods : `${others}, ${methods}`);
  }
  return allowed;
}
