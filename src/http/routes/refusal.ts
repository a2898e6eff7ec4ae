/**
 * Turns refusals of the lifecycle into problems.
 * @module
 */
import { Ending, OtherOperation } from "../../lifecycle/errors.ts";
import { ProblemError } from "./problem.ts";

/** The problem for an error of the lifecycle; any other error is returned as it is. */
export function problemOf(error: unknown): unknown {
  if (error instanceof OtherOperation) {
    return new ProblemError("other-operation");
  }
  return error instanceof Ending ? new ProblemError("ending") : error;
}
