/**
 * Turns refusals of the lifecycle into problems.
 * @module
 */
import { OtherKind, OtherOperation } from "../../lifecycle/operation.ts";
import { Ending } from "../../lifecycle/recovery.ts";
import { ProblemError } from "./problem.ts";

/** The problem for an error of the lifecycle; any other error is returned as it is. */
export function problemOf(error: unknown): unknown {
  if (error instanceof OtherOperation) {
    return new ProblemError("other-operation");
  }
  if (error instanceof OtherKind) return new ProblemError("other-kind");
  return error instanceof Ending ? new ProblemError("ending") : error;
}
