/**
 * POST /snapshot/recover
 * @module
 */
import type { Context } from "hono";
import type { Agent } from "../app.ts";
import { withOutput } from "../hooks/output.ts";
import type { Bindings } from "../server/exchange.ts";
import { readBody, readQuery } from "./input.ts";
import { ProblemError } from "./problem.ts";
import { NoQuery, RecoverBody } from "./schemas.ts";

/** 200 and the report of the recovery, or that there was nothing to do. */
export async function recover(
  c: Context<{ Bindings: Bindings }>,
  { lifecycle, late }: Agent,
): Promise<Response> {
  const receivedAt = performance.now();
  readQuery(c, NoQuery);
  const request = { ...await readBody(c, RecoverBody), receivedAt };
  const recovery = await lifecycle.recover("recover", request);
  await late.offer(request);
  const report = {
    // What the hooks said is for the caller that this recovery belongs to.
    recovery: recovery?.trigger === "recover" ? withOutput(recovery) : recovery,
    late: late.reports.length > 0 ? late.reports : undefined,
  };
  if (late.lacksEntropy) throw new ProblemError("entropy-missing", report);
  c.header("cache-control", "no-store");
  return c.json({ recovered: recovery !== undefined, ...report });
}
