/**
 * The header that names the operation of a reply.
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { Lifecycle } from "../../lifecycle/lifecycle.ts";

declare module "hono" {
  interface ContextVariableMap {
    /** The id of the operation that the reply is about, if a route knows it. */
    operation: string | undefined;
  }
}

/**
 * Adds the header to every reply of a path, problems too. If the route does not say which operation
 * the reply is about, it is the operation under way, or the last one; before the first operation
 * there is no header.
 */
export function nameOperation(
  lifecycle: Pick<Lifecycle, "operation">,
): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const id = c.get("operation") ?? lifecycle.operation?.id;
    if (id !== undefined) c.res.headers.set("lull-operation", id);
  };
}
