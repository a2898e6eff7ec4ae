/**
 * Describes the call of a host to the lifecycle: its id, and its trace.
 * @module
 */
import type { Context } from "hono";
import type { Call } from "../../lifecycle/request.ts";
import { randomId } from "../../linux/random.ts";

/** The header of W3C Trace Context. */
const TRACEPARENT = "traceparent";

/** The call of this request. It has a trace if its `traceparent` is valid; then the trace begins here. */
export async function beginCall(c: Context, name: string): Promise<Call> {
  const requestId = c.get("requestId");
  const text = c.req.header(TRACEPARENT);
  if (text === undefined) return { requestId };
  const { parseTraceparent, Trace } = await import("../../lifecycle/trace.ts");
  const caller = parseTraceparent(text);
  if (caller === undefined) return { requestId };
  return { requestId, trace: new Trace(caller, name, randomId) };
}
