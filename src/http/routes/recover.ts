/**
 * POST /snapshot/recover
 * @module
 */
import type { Context } from "hono";
import type { Agent } from "../context.ts";
import { forgetSecrets } from "../../lifecycle/request.ts";
import { withOutput } from "../../hooks/output.ts";
import type { Bindings } from "../../connections/exchange.ts";
import { beginCall } from "./call.ts";
import { readBody, readQuery } from "./input.ts";
import { ProblemError } from "./problem.ts";
import { NoQuery, RecoverBody } from "./schemas.ts";

/**
 * Replies with 200 and the report of the recovery, or with `recovered: false` if there was nothing to
 * recover. If a field could not be applied, the reply is a problem, never 200.
 */
export async function recover(
  c: Context<{ Bindings: Bindings }>,
  { lifecycle, replyWay }: Agent,
): Promise<Response> {
  const { receivedAt } = c.env.exchange;
  readQuery(c, NoQuery);
  const call = await beginCall(c, "recover");
  const body = await readBody(c, RecoverBody);
  // A new network identity may replace the address to which this call came.
  const reply = body.network && await replyWay?.(c.env.exchange);
  const request = { ...body, ...call, receivedAt, ...reply && { reply } };
  const { notApplied, ...recovered } = await lifecycle.recover(
    { trigger: "recover" },
    request,
  ).finally(() => forgetSecrets(body));
  // Only the caller that triggered this recovery gets the output of the hooks.
  const recovery = recovered.recovery?.trigger === "recover"
    ? withOutput(recovered.recovery)
    : recovered.recovery;
  c.set("operation", recovery?.operation);
  const { deferred } = lifecycle;
  const late = deferred.reports.length > 0 ? deferred.reports : undefined;
  if (deferred.requirements.lacksEntropy) {
    throw new ProblemError("entropy-missing", { recovery, late });
  }
  if (deferred.requirements.lacksIdentity) {
    throw new ProblemError("not-renewed", { recovery, late });
  }
  if (notApplied.length > 0) {
    const fields = [...notApplied];
    throw new ProblemError("fields-not-applied", { fields, recovery, late });
  }
  c.header("cache-control", "no-store");
  return c.json({ recovered: recovery !== undefined, recovery, late });
}
