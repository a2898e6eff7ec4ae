/**
 * The header that names the operation of a reply.
 * @module
 */
import type { Context } from "hono";
import type { Lifecycle } from "../../lifecycle/lifecycle.ts";

/** Names the operation under way, or the last one, if there was one. */
export function nameOperation(
  c: Context,
  { operation }: Pick<Lifecycle, "operation">,
): void {
  if (operation !== undefined) c.header("lull-operation", operation.id);
}
