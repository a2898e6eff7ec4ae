/**
 * POST /freeze, /unfreeze, /fsfreeze and /fsthaw of E2B, mapped onto prepare and recover.
 * @module
 */
import * as v from "valibot";
import { beginCall } from "../../http/routes/call.ts";
import { readQuery } from "../../http/routes/input.ts";
import type { Lifecycle } from "../../lifecycle/lifecycle.ts";
import type { Operation } from "../../lifecycle/operation.ts";
import type { StepReport } from "../../lifecycle/reports.ts";
import type { PrepareRequest } from "../../lifecycle/request.ts";
import { asText, fields } from "../../util/json_input.ts";
import { holdBeyond } from "../hold.ts";
import { Refused, type Request } from "./route.ts";

const Count = asText(v.pipe(
  v.number("a whole number"),
  v.integer("a whole number"),
  v.minValue(0, "a whole number"),
));

/** The query of POST /freeze. E2B's agent ignores parameters that a later host adds. */
const FreezeQuery = fields({
  maxWaitMs: v.optional(Count),
  mode: v.optional(
    v.picklist(["legacy", "hierarchy"], "legacy or hierarchy"),
  ),
  maxCgroups: v.optional(Count),
});

/** How many cgroups a freeze looks at if the host does not say it, as in E2B's agent. */
const MAX_CGROUPS = 512;

/**
 * POST /freeze: prepares. With a time to wait, the reply has counts; a workload that does not freeze
 * is a count, and no error. Without it, the reply is 204, and no freeze is waited for.
 */
export async function freeze(
  c: Request,
  lifecycle: Lifecycle,
  lease: number,
): Promise<Response> {
  const { maxWaitMs = 0, mode, maxCgroups } = readQuery(
    c,
    FreezeQuery,
    Object.keys(FreezeQuery.entries),
  );
  const operation = await lifecycle.prepare({
    ...await beginCall(c, "prepare"),
    ...heldFor(lease),
    workload: {
      ...mode === "hierarchy" && { all: true },
      maxCgroups: maxCgroups ?? MAX_CGROUPS,
      ...{ waitMs: maxWaitMs, counts: true, audit: true },
    },
  });
  settleAfterReply(c, lifecycle, operation);
  return maxWaitMs > 0
    ? c.json(countsOf(operation.reports))
    : c.body(null, 204);
}

/** POST /unfreeze: recovers. The machine goes on: the host thaws only if its pause failed. */
export async function unfreeze(
  c: Request,
  lifecycle: Lifecycle,
): Promise<Response> {
  failIfLeft(await resume(c, lifecycle));
  return c.body(null, 204);
}

/**
 * POST /fsfreeze: prepares for a snapshot of the disks. If the guest is quiesced for another kind of
 * snapshot, it recovers first, and its workload is frozen again in the same way. If no filesystem is
 * frozen, the guest is as it was before the call.
 */
export async function freezeDisks(
  c: Request,
  lifecycle: Lifecycle,
  lease: number,
): Promise<Response> {
  const before = lifecycle.state === "running"
    ? undefined
    : lifecycle.operation;
  if (before !== undefined && before.kind !== "disk") {
    await resume(c, lifecycle);
  }
  const request: PrepareRequest = {
    ...await beginCall(c, "prepare"),
    ...heldFor(lease),
    kind: "disk",
    workload: before?.call.workload ?? { counts: true },
  };
  const operation = await lifecycle.prepare(request);
  const { status, reason } = reportOf(operation.reports, "freeze-mounts") ?? {};
  const isFrozen = status === "done";
  // POST /fsthaw, which the host may call now, leaves a guest without frozen filesystems alone.
  if (!isFrozen && before === undefined) await resume(c, lifecycle);
  else settleAfterReply(c, lifecycle, operation);
  if (isFrozen) return c.body(null, 204);
  throw new Refused(500, `Cannot freeze the filesystems: ${reason}`);
}

/** POST /fsthaw: recovers if filesystems are frozen, and changes nothing otherwise. */
export async function thawDisks(
  c: Request,
  lifecycle: Lifecycle,
): Promise<Response> {
  const { operation } = lifecycle;
  const frozen = lifecycle.state === "preparing" ||
    reportOf(operation?.reports ?? [], "freeze-mounts")?.status === "done";
  if (frozen) failIfLeft(await resume(c, lifecycle));
  return c.body(null, 204);
}

/**
 * A freeze that only the host ends, by its next call, or the lease in seconds if the host has gone:
 * the configured hold of filesystems does not.
 */
function heldFor(lease: number) {
  return { awaitsHost: true, lease, freeze: { holdMs: holdBeyond(lease) } };
}

/** Recovers if needed; resolves to the reports of the undos. */
async function resume(
  c: Request,
  lifecycle: Lifecycle,
): Promise<readonly StepReport[]> {
  if (lifecycle.state === "running") return [];
  const call = await beginCall(c, "recover");
  const { recovery } = await lifecycle.recover(
    { trigger: "recover" },
    { ...call, outcome: "resumed" },
  );
  return recovery?.steps ?? [];
}

/** The steps that freeze something. */
const FREEZING = ["workload", "freeze-mounts"];

/** Throws if something stays frozen. All undos have run nevertheless. */
export function failIfLeft(reports: readonly StepReport[]): void {
  for (const step of FREEZING) {
    const report = reportOf(reports, step);
    if (report?.status !== "failed" && report?.status !== "timeout") continue;
    throw new Refused(500, `Cannot undo ${step}: ${report.reason}`);
  }
}

function reportOf(
  reports: readonly StepReport[],
  step: string,
): StepReport | undefined {
  return reports.find(({ name }) => name === step);
}

/** The settle begins when the caller has this reply, as after Lull's own prepare. */
function settleAfterReply(
  c: Request,
  lifecycle: Lifecycle,
  operation: Operation,
): void {
  c.env.exchange.isLast = true;
  c.env.exchange.afterReply(() => void lifecycle.settle(operation));
}

/** What the step `workload` did, as E2B's host counts it. All numbers are whole. */
function countsOf(reports: readonly StepReport[]) {
  const effect = reportOf(reports, "workload")?.effect ?? {};
  const count = (name: string) => {
    const value = effect[name];
    if (Array.isArray(value)) return value.length;
    return typeof value === "number" ? Math.round(value) : 0;
  };
  const [requested, notFrozen] = [count("requested"), count("notFrozen")];
  return {
    mode: effect.mode ?? "legacy",
    visited: count("visited"),
    allowlisted: count("allowlisted"),
    truncated: effect.truncated === true,
    preFrozen: count("alreadyFrozen"),
    requested,
    frozen: requested - notFrozen,
    notFrozen,
    failed: count("failed"),
    unobservable: 0,
    sweepMs: count("sweepMs"),
    waitMs: count("waitMs"),
  };
}
