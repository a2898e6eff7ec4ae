/**
 * GET /metrics
 * @module
 */
import type { Context } from "hono";
import type { Agent } from "../context.ts";
import { residentBytes } from "../../memory/info.ts";
import { OPEN_METRICS } from "../metrics.ts";

/** Replies with the metrics as OpenMetrics text. */
export async function metrics(
  c: Context,
  { lifecycle, metrics, runtime, ports }: Agent,
): Promise<Response> {
  const text = metrics.text({
    generation: lifecycle.generation,
    quiesced: lifecycle.state === "quiesced",
    resident: residentBytes(),
    runtime: runtime.name,
    forwarding: await ports?.counts(),
  });
  return c.body(text, 200, { "content-type": OPEN_METRICS });
}
