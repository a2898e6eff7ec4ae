/**
 * The plan: what a prepare does, in this order, and what a recovery undoes, in
 * reverse order. Order, policies, limits and the kinds of snapshot in which a step
 * takes part are defined here and nowhere else.
 * @module
 */
import { type Kind, KINDS } from "./request.ts";
import { STOP_MS } from "./run.ts";
import type { Repair, Step } from "./step.ts";

/** Whether the failure of a step or a freeze hook aborts the prepare. */
export type Policy = "abort" | "continue";

/** The limits that the configuration gives, in milliseconds. */
export interface Limits {
  /** For all freeze hooks together, and the same for all thaw hooks together. */
  readonly hooksLimitMs: number;
  /** Until the workload is frozen, and the same until it is thawed. */
  readonly workloadLimitMs: number;
  /** How long mounts may be frozen. */
  readonly freezeHoldMs: number;
}

/** A duration, fixed or computed from the configuration. */
type Milliseconds = number | ((limits: Limits) => number);

/** Steps that the guest needs whatever is stored: also if the memory is thrown away. */
const ALL: readonly Kind[] = KINDS;
/** Steps that make the memory correct. */
const MEMORY: readonly Kind[] = ["full", "diff"];
/** Steps that make the memory small. They change many pages, which a diff would store. */
const FULL: readonly Kind[] = ["full"];

/** One row of the plan. */
interface Row {
  readonly step: string;
  /** The kinds of snapshot whose prepare has the step. */
  readonly kinds: readonly Kind[];
  readonly onFailure: Policy;
  /** Milliseconds that the step may take, and the same for its undo. */
  readonly limitMs: Milliseconds;
  /** Milliseconds to undo its own part and stop after the limit; default STOP_MS. */
  readonly stopMs?: Milliseconds;
  /** The step does not act while an earlier step runs past its limit. */
  readonly needsIdle?: boolean;
  /** The step takes part in a dry run, where it changes nothing that lasts. */
  readonly inDryRun?: boolean;
  /** The repair before which a recovery undoes the step; otherwise after all repairs. */
  readonly undoBefore?: string;
}

/** Milliseconds to kill hooks that do not end, and for the thaws without time left. */
const HOOKS_END_MS = 4000;
/** Milliseconds for the writes to cgroup files themselves. */
const CGROUP_WRITES_MS = 500;
/** Milliseconds to find mounts, to thaw them, and to give up a thread that is stuck. */
const BESIDE_FREEZE_MS = 14_000;
/** Milliseconds that each item of the identity may take: an emulated processor makes RSA keys slowly. */
export const RENEW_MS = 90_000;
/** Milliseconds to thaw mounts, and to give up a thread that is stuck. */
const THAW_MOUNTS_MS = 8000;

/** Done before the reply to prepare is sent; undone last. */
const BEFORE_REPLY = [
  { // the guest's programs take part
    step: "hooks",
    kinds: ALL,
    onFailure: "abort",
    // A step that fails also runs the thaw hooks.
    limitMs: ({ hooksLimitMs }) => 2 * hooksLimitMs + HOOKS_END_MS,
    stopMs: ({ hooksLimitMs }) => hooksLimitMs + HOOKS_END_MS,
  },
  // no scanner, no forwarder, no forwarded connection
  { step: "ports", kinds: MEMORY, onFailure: "continue", limitMs: 15_000 },
  { // the workload is frozen
    step: "workload",
    kinds: ALL,
    onFailure: "abort",
    limitMs: ({ workloadLimitMs }) => 2 * workloadLimitMs + CGROUP_WRITES_MS,
    stopMs: ({ workloadLimitMs }) => workloadLimitMs + CGROUP_WRITES_MS,
  },
  // what was written is on the disk
  { step: "filesystem", kinds: ALL, onFailure: "continue", limitMs: 10_000 },
  { // named filesystems take no writes; for kind disk, all of them if none is named
    step: "freeze-mounts",
    kinds: ALL,
    // The repair writes to /etc, and would wait for the thaw of the root filesystem.
    undoBefore: "network",
    onFailure: "abort",
    limitMs: ({ freezeHoldMs }) => freezeHoldMs + BESIDE_FREEZE_MS,
    stopMs: THAW_MOUNTS_MS,
  },
  // no secret of this fork is in the snapshot; last of the steps that can abort the prepare, which
  // cannot bring the secrets back. A snapshot of kind disk has no memory, and so no ramfs: the guest
  // that goes on keeps its secrets
  {
    step: "wipe-credentials",
    kinds: MEMORY,
    onFailure: "abort",
    limitMs: 5000,
  },
  // what can be read again is not in the snapshot
  { step: "memory", kinds: FULL, onFailure: "continue", limitMs: 10_000 },
  // only callers that wait for a reply are connected
  {
    step: "connections",
    kinds: MEMORY,
    onFailure: "continue",
    limitMs: 5000,
    inDryRun: true,
  },
  // the workload's connections are recorded
  {
    step: "workload-connections",
    kinds: MEMORY,
    onFailure: "continue",
    limitMs: 5000,
    inDryRun: true,
  },
  // the content of the mailbox before the snapshot is known
  { step: "mailbox", kinds: ALL, onFailure: "continue", limitMs: 5000 },
  // from here on, the guest watches for evidence of a restore
  {
    step: "evidence",
    kinds: ALL,
    onFailure: "continue",
    limitMs: 5000,
    inDryRun: true,
  },
] as const satisfies readonly Row[];

// The reply to prepare is sent here.

/** The settle: done after the reply; undone first. */
const SETTLE = [
  // no connection that had sent nothing yet
  {
    step: "late-connections",
    kinds: MEMORY,
    onFailure: "continue",
    limitMs: 5000,
  },
  // no collection begins by itself
  {
    step: "idle-collector",
    kinds: MEMORY,
    onFailure: "continue",
    limitMs: 1000,
  },
  // no garbage; free memory is returned to the kernel
  { step: "collect", kinds: FULL, onFailure: "continue", limitMs: 15_000 },
  // nothing is left of the secrets of this fork; for kind diff, also no free memory that had them
  {
    step: "wipe-memory",
    kinds: MEMORY,
    onFailure: "continue",
    limitMs: 60_000,
  },
  // free memory is zeroed, and the agent's program is paged out
  {
    step: "zero",
    kinds: FULL,
    onFailure: "continue",
    limitMs: 60_000,
    needsIdle: true,
  },
  { // every thread on one CPU
    step: "parallelism",
    kinds: MEMORY,
    onFailure: "continue",
    limitMs: 5000,
    needsIdle: true,
    inDryRun: true,
  },
] as const satisfies readonly Row[];

/** Done by a recovery before any undo: the workload thaws only after them. */
const REPAIRS = [
  // the data of this fork that came without a call
  { repair: "mailbox", limitMs: 3000 },
  // the random pool is this fork's own
  { repair: "entropy", limitMs: 5000, inDryRun: true },
  // the wall clock is the host's
  { repair: "clock", limitMs: 5000, inDryRun: true },
  // addresses and names are this fork's, and the programs that manage the interfaces know it
  { repair: "network", limitMs: 60_000 },
  // ids and keys are this fork's
  { repair: "renew", limitMs: RENEW_MS + 5000 },
  // the secrets of this fork are in their files
  { repair: "credentials", limitMs: 5000 },
  // programs can read this fork's variables
  { repair: "env", limitMs: 5000 },
  // no stale connection
  { repair: "reset-connections", limitMs: 5000, inDryRun: true },
  // programs can see the restore
  { repair: "generation", limitMs: 5000, inDryRun: true },
] as const;

/** The names of the steps, as the reports have them. */
export type StepName = (typeof BEFORE_REPLY | typeof SETTLE)[number]["step"];
/** The names of the repairs, as the reports have them. */
export type RepairName = (typeof REPAIRS)[number]["repair"];

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
      return [{ name, ...row, repair: (context) => part.repair(context) }];
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
