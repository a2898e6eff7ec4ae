/**
 * GET /health
 * @module
 */
import type { Context } from "hono";
import type { Agent } from "../app.ts";
import { VERSION } from "../version.ts";

/** 200 and the version; the first one after a prepare recovers before it. */
export async function health(
  c: Context,
  { lifecycle, healthMayRecover }: Agent,
): Promise<Response> {
  // Without the leave to recover it still waits for a recovery under way.
  if (lifecycle.state !== "quiesced" || healthMayRecover()) {
    await lifecycle.recover("health");
  }
  c.header("cache-control", "no-store");
  return c.json({
    version: VERSION,
    state: lifecycle.state,
    generation: lifecycle.generation,
  });
}
