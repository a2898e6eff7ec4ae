/**
 * Makes the plan of an agent: each row of plan.ts, with its step and its limits in milliseconds.
 * @module
 */
import {
  BEFORE_REPLY,
  type RepairName,
  REPAIRS,
  SETTLE,
  type StepName,
} from "./plan.ts";
import type { Limits, Milliseconds, Row } from "./plan_row.ts";
import { STOP_MS } from "./run.ts";
import type { Repair, Step } from "./step.ts";

/** The steps and repairs by their names; each is made by its file in src/steps. */
export type Parts =
  & Readonly<Record<StepName, Step>>
  & Readonly<Record<RepairName, Repair>>;

/** A step with its row of the plan; its durations are computed. */
export interface PlannedStep
  extends Step, Omit<Row, "step" | "limitMs" | "stopMs"> {
  readonly name: string;
  readonly limitMs: number;
  readonly stopMs: number;
}

/** A repair with its row of the plan. */
export interface PlannedRepair extends Repair {
  readonly name: string;
  readonly limitMs: number;
  readonly inDryRun?: boolean;
}

/** The steps of one operation, in order. */
export interface Plan {
  readonly beforeReply: readonly PlannedStep[];
  readonly settle: readonly PlannedStep[];
  readonly repairs: readonly PlannedRepair[];
}

/** Puts the parts in order; a part that is not given is left out. */
export function plan(parts: Partial<Parts>, limits: Limits): Plan {
  const steps = (rows: readonly Row[]) =>
    rows.flatMap(({ step: name, ...row }): PlannedStep[] => {
      const step = parts[name as StepName];
      if (step === undefined) return [];
      return [{
        ...{ name, ...row },
        limitMs: inMs(row.limitMs, limits),
        stopMs: inMs(row.stopMs ?? STOP_MS, limits),
        quiesce: (context) => step.quiesce(context),
      }];
    });
  return {
    beforeReply: steps(BEFORE_REPLY),
    settle: steps(SETTLE),
    repairs: REPAIRS.flatMap(({ repair: name, ...row }): PlannedRepair[] => {
      const part = parts[name];
      if (part === undefined) return [];
      return [{
        ...{ name, ...row },
        repair: (context) => part.repair(context),
        isInPlace: part.isInPlace?.bind(part),
      }];
    }),
  };
}

/** The plan of a dry run: only the steps and repairs whose row has `inDryRun`. */
export function dryRunOf({ beforeReply, settle, repairs }: Plan): Plan {
  return {
    beforeReply: beforeReply.filter(({ inDryRun }) => inDryRun),
    settle: settle.filter(({ inDryRun }) => inDryRun),
    repairs: repairs.filter(({ inDryRun }) => inDryRun),
  };
}

function inMs(duration: Milliseconds, limits: Limits): number {
  return typeof duration === "number" ? duration : duration(limits);
}
