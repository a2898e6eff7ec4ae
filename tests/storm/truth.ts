/**
 * What every reply of an agent in a storm must be.
 * @module
 */
import assert from "node:assert/strict";
import { PROBLEMS } from "../../src/util/problem.ts";
import type { Reply } from "../support/wire.ts";
import type { Life } from "./life.ts";
import { SECRET } from "./scripts.ts";

/** A step in a report. */
export interface Step {
  readonly name: string;
  readonly status: string;
}

/** A recovery in a report. */
export interface Recovery {
  readonly operation: string;
  readonly trigger: string;
  readonly outcome: string;
  readonly generation: number;
  readonly steps: readonly Step[];
}

/** A problem document, as far as a storm reads it. */
export interface Problem {
  readonly type: string;
  readonly status: number;
  readonly fields?: readonly string[];
  readonly report?: {
    readonly prepare: { readonly operation: string };
    readonly undo: Recovery;
  };
}

const KINDS: Record<string, readonly [number, string]> = PROBLEMS;

/** The problem's name; fails if it is none that the agent has. */
export function problemOf({ status, body }: Reply): {
  readonly kind: string;
  readonly problem: Problem;
} {
  const problem: Problem = JSON.parse(body);
  const kind = problem.type.replace("urn:lull:problem:", "");
  assert.equal(KINDS[kind]?.[0], status, body);
  return { kind, problem };
}

/** Holds for every reply, whatever was asked. */
export function assertKnown(reply: Reply, life: Life): void {
  const { status, body } = reply;
  if (status < 400) return;
  const { kind } = problemOf(reply);
  assert.notEqual(kind, "internal", body);
  if (kind === "ending") assert.ok(life.ends, body);
  if (kind === "entropy-missing") assert.ok(life.guest.entropyRequired, body);
}

/** Only the caller of a prepare hears what a hook printed. */
export function assertNoSecret({ body }: Reply): void {
  assert.ok(!body.includes(SECRET), body);
}

/** An undo or repair that fails is a failure of a hook, and of nothing else. */
export function assertUndone({ steps }: Recovery): void {
  for (const step of steps) {
    if (step.name === "hooks") continue;
    assert.match(step.status, /^(done|skipped)$/, JSON.stringify(step));
  }
}
