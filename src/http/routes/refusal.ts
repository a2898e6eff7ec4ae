/**
 * Refusals of the lifecycle as problems.
 * @module
 */
import { OtherOperation } from "../../lifecycle/operation.ts";
import { Ending } from "../../lifecycle/recovery.ts";
import { ProblemError } from "./problem.ts";

/** The problem that tells of an error of the lifecycle; other errors stay. */
export function problemOf(error: unknown): unknown {
  if (error instanceof OtherOperation) {
    return new ProblemError("other-operation");
  }
  return error instanceof Ending ? new ProblemError("ending") : error;
}
