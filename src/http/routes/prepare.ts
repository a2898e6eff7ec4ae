/**
 * POST /snapshot/prepare
 * @module
 */
import type { Context } from "hono";
import { withOutput } from "../../hooks/output.ts";
import type { Lifecycle } from "../../lifecycle/lifecycle.ts";
import { PrepareFailed } from "../../lifecycle/recovery.ts";
import type { Operation } from "../../lifecycle/operation.ts";
import type { Bindings } from "../../connections/exchange.ts";
import { beginCall } from "./call.ts";
import { readBody, readQuery } from "./input.ts";
import { ProblemError } from "./problem.ts";
import type { PrepareReportDocument } from "./documents.ts";
import { PrepareBody, PrepareQuery } from "./schemas.ts";

/** Replies with 204 at the quiesced state, or with 200 and the report after the settle. */
export async function prepare(
  c: Context<{ Bindings: Bindings }>,
  lifecycle: Lifecycle,
): Promise<Response> {
  const query = readQuery(c, PrepareQuery);
  const call = await beginCall(c, "prepare");
  const request = { ...query, ...await readBody(c, PrepareBody), ...call };
  const operation = await hold(c, lifecycle, request);
  c.header("cache-control", "no-store");
  c.set("operation", operation.id);
  c.env.exchange.isLast = true;
  if (request.wait === undefined) {
    // The settle begins when the caller has this reply: then the memory of the reply is garbage that
    // the settle collects, and the connection is closed.
    c.env.exchange.afterReply(() => void lifecycle.settle(operation));
    return c.body(null, 204);
  }
  if (!await lifecycle.settle(operation)) throw new ProblemError("overtaken");
  return c.json(withOutput(reportOf(operation)));
}

/** The report of an operation, from the request to the settle. */
export function reportOf(operation: Operation): PrepareReportDocument {
  const { id, kind, quiescedMs, settledMs, reports, call } = operation;
  return {
    operation: id,
    kind,
    settled: settledMs !== undefined,
    quiescedMs,
    settledMs,
    steps: [...reports],
    trace: call.trace?.report(),
  };
}

async function hold(
  c: Context,
  lifecycle: Lifecycle,
  request: Parameters<Lifecycle["prepare"]>[0],
): Promise<Operation> {
  try {
    return await lifecycle.prepare(request);
  } catch (error) {
    if (!(error instanceof PrepareFailed)) throw error;
    c.set("operation", error.operation.id);
    throw new ProblemError("prepare-failed", {
      detail: error.message,
      report: withOutput({
        prepare: reportOf(error.operation),
        undo: { ...error.undo, steps: [...error.undo.steps] },
      }),
    });
  }
}
