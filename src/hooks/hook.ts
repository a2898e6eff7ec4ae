/**
 * Defines hooks. A hook is a program of the guest that Lull calls before and after
 * the freeze.
 * @module
 */
import { HOOK_VARIABLES } from "../config/hook_variables.ts";
import type { Policy } from "../lifecycle/plan_row.ts";
import type { Kind, Outcome } from "../lifecycle/step.ts";
import type { Early, Limits } from "../util/within.ts";
import type { OUTPUT } from "./output.ts";

/** `freeze` hooks run before the freeze, `thaw` hooks after it. */
export type Phase = "freeze" | "thaw";

export type { Policy };

/** The data that a call passes to a hook. */
export interface HookEvent {
  readonly phase: Phase;
  readonly operation: string;
  /** The generation that the guest is in; at thaw, the one that begins. */
  readonly generation: number;
  /** The kind of snapshot. Undefined for a thaw that an older version of Lull owed. */
  readonly kind?: Kind;
  /** How the operation ended; known at thaw only. */
  readonly outcome?: Outcome;
  /** The host's wall clock, as the host wrote it; only at thaw, if known. */
  readonly hostTime?: string;
  /** The trace of the host's call, as W3C Trace Context has it; only if the call is traced. */
  readonly traceparent?: string;
}

/** The result of one call of a hook. */
export interface HookResult {
  readonly name: string;
  readonly kind: Hook["kind"];
  /**
   * `gone`: the program's connection ended, and the program cannot be called.
   * `withdrawn`: the program ended its registration. `skipped`: the time of all
   * hooks together was used up.
   */
  readonly status:
    | "done"
    | "failed"
    | "timeout"
    | "aborted"
    | "gone"
    | "withdrawn"
    | "skipped";
  readonly ms: number;
  /** False if the hook certainly did not get the call: a freeze then needs no thaw. */
  readonly reached?: false;
  readonly exitCode?: number;
  /** The status of an HTTP response. */
  readonly httpStatus?: number;
  /** Why the status is not `done`. Never contains output of the hook. */
  readonly reason?: string;
  /** The hook's output or response body, truncated to OUTPUT_BYTES (output.ts). */
  readonly [OUTPUT]?: string;
}

/** The limits of a call. */
export type CallLimits = Limits & { readonly limitMs: number };

/** The reason in the result of a call that ended early. */
export function reasonOf(why: Early, limitMs: number): string {
  return why === "timeout"
    ? `not done within ${Math.round(limitMs)} ms`
    : "the prepare was aborted";
}

/** A hook. */
export interface Hook {
  readonly name: string;
  readonly kind: "script" | "request" | "events";
  /** Milliseconds that a call may take. */
  readonly limitMs: number;
  readonly policy: Policy;
  /** The path or the URL of the hook. */
  readonly at?: string;
  /** Calls the hook. Never throws or rejects: failures are in the result. */
  call(event: HookEvent, limits: CallLimits): Promise<HookResult>;
}

/**
 * The key of a hook in the journal, the same for every agent that reads it: the
 * path of a script, or the name of a program. A program's URL and kind are not part
 * of its key, because they may change when the program registers again.
 */
export function keyOf({ name, kind, at }: Hook): string {
  return kind === "script" ? `script ${at ?? name}` : keyOfProgram(name);
}

/** The key of the program with this name. */
export function keyOfProgram(name: string): string {
  return `program ${name}`;
}

/** The path or the name that a key contains, for reports. */
export function nameIn(key: string): string {
  return key.slice(key.indexOf(" ") + 1);
}

/** The event as environment variables, such as LULL_PHASE and LULL_HOST_TIME. */
export function asEnvironment(event: HookEvent): Record<string, string> {
  return Object.fromEntries(known(event));
}

/**
 * The event as headers, such as lull-phase and lull-host-time. Characters that a
 * header cannot contain are percent-encoded: the host chooses an operation's id.
 */
export function asHeaders(event: HookEvent): Record<string, string> {
  return Object.fromEntries(
    known(event).map(([name, value]) => [
      name.toLowerCase().replaceAll("_", "-"),
      value.toWellFormed().replace(/[^ -$&-~]/gu, encodeURIComponent),
    ]),
  );
}

function known(event: HookEvent): [string, string][] {
  const names: Record<keyof HookEvent, string> = HOOK_VARIABLES;
  return (Object.keys(names) as (keyof HookEvent)[]).flatMap((key) =>
    event[key] === undefined ? [] : [[names[key], String(event[key])]]
  );
}
