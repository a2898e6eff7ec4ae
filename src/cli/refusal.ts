/**
 * What a command prints if the agent refuses or undoes its call.
 * @module
 */
import type { Problem } from "../client/mod.ts";
import { RefusedError } from "../client/errors.ts";
import { messageOf } from "../util/errors.ts";
import { stepTable } from "./table.ts";

/** The problem document of the agent's reply; undefined if there is none. */
export function problemOf(error: unknown): Problem | undefined {
  return error instanceof RefusedError ? error.problem : undefined;
}

/** The reason, the wrong fields if the agent names them, and what the caller can do. */
export function detailOf(error: unknown, hasToken: boolean): string {
  const problem = problemOf(error);
  const fields = [
    ...problem?.errors?.map(({ path, expected }) =>
      `${path || "the body"}: expected ${expected}`
    ) ?? [],
    ...problem?.fields ?? [],
  ];
  const message = messageOf(error);
  const advice = adviceOn(problem?.type.split(":").at(-1), hasToken);
  return [
    fields.length > 0 ? `${message} (${fields.join("; ")})` : message,
    ...advice === undefined ? [] : [advice],
  ].join("; ");
}

/** The steps of a prepare that was undone, or of a recovery after which the call was refused. */
export function stepsOf(problem: Problem): string | undefined {
  const steps = problem.report?.prepare.steps ?? problem.recovery?.steps;
  return steps === undefined ? undefined : stepTable(steps);
}

function adviceOn(kind: string | undefined, hasToken: boolean) {
  switch (kind) {
    case "guest-call":
      return "call from the host, or start the agent with --guest-calls=allow";
    case "token-needed":
      return hasToken
        ? "the token of --token is another one"
        : "give the file with the token: --token FILE";
  }
}
