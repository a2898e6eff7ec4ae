/**
 * What hosts tell with a recovery, or after it.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { assertProblem } from "./deeds.ts";
import { Command } from "./command.ts";
import type { Status } from "./documents.ts";
import { lacksEntropy, type Model, recovered } from "./model.ts";

/** What a host tells; `operation` says which one it names. */
export interface Told {
  readonly operation?: "current" | "former" | "other";
  readonly outcome?: "restored" | "resumed" | "aborted";
  /** The host's time is told: always the right one. */
  readonly hostTime?: boolean;
  readonly entropy?: boolean;
  readonly requireEntropy?: boolean;
}

/** What the name means to an agent in that state. */
type Means = "current" | "former" | "none";

/** A call to recover, also when there is nothing to recover any more. */
export function recover(told: Told): Command {
  return new Command(`recover(${JSON.stringify(told)})`, async (m, world) => {
    const entropy = told.entropy && world.mayGiveEntropy;
    const before = await world.status();
    const operation = nameOf(told, before);
    const body = {
      operation,
      outcome: told.outcome,
      hostTime: told.hostTime ? Date.now() : undefined,
      entropy: entropy ? randomBytes(32).toString("base64") : undefined,
      // Where a source of the machine gives entropy, nothing lacks for long.
      requireEntropy: world.knowsEntropy ? told.requireEntropy : undefined,
    };
    const means = meaningOf(operation, before);
    const text = JSON.stringify(body);
    const reply = await world.ask("POST", "/snapshot/recover", text);
    if (means === "none") {
      return assertProblem(reply.status, reply.body, 409, "other-operation");
    }
    const recovers = m.quiesced && means === "current";
    let fields: string[] = [];
    if (recovers) recovered(m, "recover", body.outcome, body);
    else if (m.quiesced) fields = fieldsOf(body);
    else fields = late(m, body, before);
    if (lacksEntropy(m)) {
      return assertProblem(reply.status, reply.body, 503, "entropy-missing");
    }
    if (fields.length > 0) {
      assertProblem(reply.status, reply.body, 409, "fields-not-applied");
      return assert.deepEqual(JSON.parse(reply.body).fields, fields);
    }
    assert.equal(reply.status, 200, reply.body);
    assertReport(reply.body, recovers, body.hostTime !== undefined);
  });
}

/** A name of the operation that the host means. */
function nameOf({ operation }: Told, status: Status): string | undefined {
  switch (operation) {
    case "current":
      return status.operation?.operation;
    case "former":
      return status.lastRecovery?.operation;
    case "other":
      return "other";
  }
}

function meaningOf(
  operation: string | undefined,
  { state, operation: current, lastRecovery }: Status,
): Means {
  if (operation === undefined) return "current";
  if (state === "quiesced" && operation === current?.operation) {
    return "current";
  }
  if (operation !== lastRecovery?.operation) return "none";
  return state === "quiesced" ? "former" : "current";
}

interface Body {
  readonly outcome?: string;
  readonly hostTime?: number;
  readonly entropy?: string;
  readonly requireEntropy?: boolean;
}

/** The fields that change something, in the order in which they are told. */
function fieldsOf(body: Body): string[] {
  return (["entropy", "hostTime", "outcome", "requireEntropy"] as const)
    .filter((field) => body[field] !== undefined);
}

/** Moves the model over data that comes late; gives what cannot be applied. */
function late(model: Model, body: Body, before: Status): string[] {
  const { entropy } = model;
  model.entropy = {
    required: body.requireEntropy ?? entropy.required,
    reseeded: entropy.reseeded || body.entropy !== undefined,
  };
  const former = before.lastRecovery?.outcome;
  if (body.outcome === undefined || body.outcome === former) return [];
  // What was done for a restore cannot be undone.
  if (former === undefined || former === "restored") return ["outcome"];
  if (model.trigger !== undefined) model.outcome = body.outcome;
  return [];
}

function assertReport(text: string, recovers: boolean, timed: boolean): void {
  const { recovered, recovery, late = [] } = JSON.parse(text);
  assert.equal(recovered, recovers, text);
  if (!timed) return;
  const clock = [...recovery?.steps ?? [], ...late]
    .findLast(({ name }) => name === "clock");
  assert.equal(clock?.status, "done", text);
}
