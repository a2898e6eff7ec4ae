/**
 * The header that names the operation of a reply.
 * @module
 */
import type { Context } from "hono";
import type { Lifecycle } from "../../lifecycle/lifecycle.ts";

/** The name of the header. */
export const OPERATION = "lull-operation";

declare module "hono" {
  interface ContextVariableMap {
    /** The id of the operation that the reply is about, if a route knows it. */
    operation: string | undefined;
  }
}

/**
 * Adds the header to a reply, to a problem too. If the route does not say which operation the reply
 * is about, it is the operation under way, or the last one; before the first operation there is no
 * header.
 */
export function nameOperation(
  c: Context,
  { operation }: Pick<Lifecycle, "operation">,
): void {
  const id = c.get("operation") ?? operation?.id;
  if (id !== undefined) c.res.headers.set(OPERATION, id);
}
