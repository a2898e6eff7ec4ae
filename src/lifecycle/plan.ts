/**
 * The plan: what a prepare does, in this order, and what a recovery undoes, in
 * reverse order. Order, policies, limits and the kinds of snapshot in which a step
 * takes part are defined here and nowhere else.
 *
 * The step or repair NAME is in src/steps/NAME.ts, with underscores instead of dashes. Steps that
 * belong together share a file: both steps that wipe are in credentials.ts, late-connections is in
 * connections.ts, and workload-connections is in reset_connections.ts.
 * @module
 */
import type { Row } from "./plan_row.ts";
import { type Kind, KINDS } from "./request.ts";

/** For steps that every snapshot needs, also one without memory. */
const ALL: readonly Kind[] = KINDS;
/** For steps that make the memory correct. */
const MEMORY: readonly Kind[] = ["full", "diff"];
/** For steps that make the memory small. They change many pages, which a diff would store. */
const FULL: readonly Kind[] = ["full"];

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

/** Done before the reply to prepare is sent; undone last, in reverse order. */
export const BEFORE_REPLY = [
  // calls the guest's own programs, which may refuse
  {
    step: "hooks",
    kinds: ALL,
    onFailure: "abort",
    // A step that fails also runs the thaw hooks.
    limitMs: ({ hooksLimitMs }) => 2 * hooksLimitMs + HOOKS_END_MS,
    stopMs: ({ hooksLimitMs }) => hooksLimitMs + HOOKS_END_MS,
  },
  // stops the scanner and the forwarder, and closes forwarded connections
  { step: "ports", kinds: MEMORY, onFailure: "continue", limitMs: 15_000 },
  // freezes the cgroups of the workload
  {
    step: "workload",
    kinds: ALL,
    onFailure: "abort",
    limitMs: ({ workloadLimitMs }) => 2 * workloadLimitMs + CGROUP_WRITES_MS,
    stopMs: ({ workloadLimitMs }) => workloadLimitMs + CGROUP_WRITES_MS,
  },
  // writes to the disks what programs have written to files
  { step: "filesystem", kinds: ALL, onFailure: "continue", limitMs: 10_000 },
  // freezes the named filesystems; for kind disk, all of them if none is named
  {
    step: "freeze-mounts",
    kinds: ALL,
    // The repair `network` writes to /etc, and would wait for the thaw of the root filesystem.
    undoBefore: "network",
    onFailure: "abort",
    limitMs: ({ freezeHoldMs }) => freezeHoldMs + BESIDE_FREEZE_MS,
    stopMs: THAW_MOUNTS_MS,
  },
  // removes the secrets that the host gave; the last step that can abort the prepare, because its
  // undo cannot bring the secrets back. A snapshot of kind disk has no memory, and so no ramfs: the
  // guest that goes on keeps its secrets
  {
    step: "wipe-credentials",
    kinds: MEMORY,
    onFailure: "abort",
    limitMs: 5000,
  },
  // drops the page cache, which can be read again
  { step: "memory", kinds: FULL, onFailure: "continue", limitMs: 10_000 },
  // closes the agent's connections whose callers wait for no reply
  {
    step: "connections",
    kinds: MEMORY,
    onFailure: "continue",
    limitMs: 5000,
    inDryRun: true,
  },
  // records the workload's connections, for the repair reset-connections
  {
    step: "workload-connections",
    kinds: MEMORY,
    onFailure: "continue",
    limitMs: 5000,
    inDryRun: true,
  },
  // notes the content of the mailbox, which no fork applies
  { step: "mailbox", kinds: ALL, onFailure: "continue", limitMs: 5000 },
  // watches for evidence of a restore
  {
    step: "evidence",
    kinds: ALL,
    onFailure: "continue",
    limitMs: 5000,
    inDryRun: true,
  },
] as const satisfies readonly Row[];

// The reply to prepare is sent here.

/** The settle: done after the reply; undone first, in reverse order. */
export const SETTLE = [
  // closes connections that had just been opened and have sent nothing
  {
    step: "late-connections",
    kinds: MEMORY,
    onFailure: "continue",
    limitMs: 5000,
  },
  // keeps collections of garbage from beginning by themselves
  {
    step: "idle-collector",
    kinds: MEMORY,
    onFailure: "continue",
    limitMs: 1000,
  },
  // collects garbage, and returns free memory to the kernel
  { step: "collect", kinds: FULL, onFailure: "continue", limitMs: 15_000 },
  // overwrites what is left of these secrets in memory; for kind diff, also zeroes free memory
  {
    step: "wipe-memory",
    kinds: MEMORY,
    onFailure: "continue",
    limitMs: 60_000,
  },
  // zeroes free memory, and pages out the agent's program
  {
    step: "zero",
    kinds: FULL,
    onFailure: "continue",
    limitMs: 60_000,
    needsIdle: true,
  },
  // moves every thread of the agent onto one CPU
  {
    step: "parallelism",
    kinds: MEMORY,
    onFailure: "continue",
    limitMs: 5000,
    needsIdle: true,
    inDryRun: true,
  },
] as const satisfies readonly Row[];

/** Done by a recovery before the undos, so that the workload thaws in a machine that is correct. */
export const REPAIRS = [
  // reads the data of this fork that comes without a call
  { repair: "mailbox", limitMs: 3000 },
  // gives the random pool entropy that no other fork has
  { repair: "entropy", limitMs: 5000, inDryRun: true },
  // sets the wall clock to the host's time
  { repair: "clock", limitMs: 5000, inDryRun: true },
  // gives this fork its addresses and names, and tells the programs that manage the interfaces
  { repair: "network", limitMs: 60_000 },
  // gives this fork ids and keys of its own
  { repair: "renew", limitMs: RENEW_MS + 5000 },
  // writes the secrets of this fork to files
  { repair: "credentials", limitMs: 5000 },
  // writes the variables of this fork to a file
  { repair: "env", limitMs: 5000 },
  // resets the workload's connections whose peers are gone
  { repair: "reset-connections", limitMs: 5000, inDryRun: true },
  // increases the generation, by which programs see the restore
  { repair: "generation", limitMs: 5000, inDryRun: true },
] as const;

/** The names of the steps, as the reports have them. */
export type StepName = (typeof BEFORE_REPLY | typeof SETTLE)[number]["step"];
/** The names of the repairs, as the reports have them. */
export type RepairName = (typeof REPAIRS)[number]["repair"];
