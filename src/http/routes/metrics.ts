/**
 * GET /metrics
 * @module
 */
import type { Context } from "hono";
import type { Agent } from "../context.ts";
import { residentBytes } from "../../memory/info.ts";
import { OPEN_METRICS } from "../metrics.ts";

/** Replies with the metrics as OpenMetrics text. */
export function metrics(
  c: Context,
  { lifecycle, metrics, runtime }: Agent,
): Response {
  const text = metrics.text({
    generation: lifecycle.generation,
    quiesced: lifecycle.state === "quiesced",
    resident: residentBytes(),
    runtime: runtime.name,
  });
  return c.body(text, 200, { "content-type": OPEN_METRICS });
}
