/**
 * What a hook is: a program of the guest that is called before the freeze and
 * after it.
 * @module
 */
import type { Outcome } from "../lifecycle/step.ts";
import type { OUTPUT } from "./output.ts";

/** Before the freeze, or after it. */
export type Phase = "freeze" | "thaw";

/** What a failure of a freeze hook means for the prepare. */
export type Policy = "abort" | "continue";

/** What a hook is told. */
export interface HookEvent {
  readonly phase: Phase;
  readonly operation: string;
  /** The generation that the guest is in; at thaw, the one that begins. */
  readonly generation: number;
  /** How the operation ended; known at thaw only. */
  readonly outcome?: Outcome;
  /** The host's wall clock as the host wrote it, where a thaw knows it. */
  readonly hostTime?: string;
}

/** What became of one call of a hook. */
export interface HookResult {
  readonly name: string;
  readonly kind: Hook["kind"];
  /**
   * `gone`: a program whose connection ended, so that it cannot be called.
   * `withdrawn`: a program that ended its registration itself. `skipped`: the
   * time of all hooks together was used up.
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
  /** False if the hook cannot have got the call: then a freeze needs no thaw. */
  readonly reached?: false;
  readonly exitCode?: number;
  /** The status of an HTTP answer. */
  readonly httpStatus?: number;
  /** Why it is not done. Never contains a word of what the hook printed. */
  readonly reason?: string;
  /** What it printed or answered, up to a cap; see output.ts. */
  readonly [OUTPUT]?: string;
}

/** How long a call may take, and what ends it early. */
export interface Limits {
  readonly limitMs: number;
  readonly signal?: AbortSignal;
}

/** One hook; `call` never throws. */
export interface Hook {
  readonly name: string;
  readonly kind: "script" | "request" | "events";
  /** Milliseconds that a call may take. */
  readonly limitMs: number;
  readonly policy: Policy;
  /** Where it is: a path, or a URL. */
  readonly at?: string;
  call(facts: HookEvent, limits: Limits): Promise<HookResult>;
}

/**
 * What a hook is known by in the journal, whatever agent reads it: the path of
 * a script, the name of a program. A program that registers again may have
 * another URL, or read events instead.
 */
export function keyOf({ name, kind, at }: Hook): string {
  return kind === "script" ? `script ${at ?? name}` : keyOfProgram(name);
}

/** The same for a program of which only the name is known. */
export function keyOfProgram(name: string): string {
  return `program ${name}`;
}

/** The path or the name in a key, for reports. */
export function nameIn(key: string): string {
  return key.slice(key.indexOf(" ") + 1);
}

const NAMES = {
  phase: "PHASE",
  operation: "OPERATION",
  generation: "GENERATION",
  outcome: "OUTCOME",
  hostTime: "HOST_TIME",
} as const satisfies Record<keyof HookEvent, string>;

/** The facts as environment variables: LULL_PHASE, LULL_HOST_TIME. */
export function asEnvironment(facts: HookEvent): Record<string, string> {
  return Object.fromEntries(
    known(facts).map(([name, value]) => [`LULL_${name}`, value]),
  );
}

/**
 * The facts as headers: lull-phase, lull-host-time. What a header cannot
 * hold is percent-encoded: an operation's id is the host's own text.
 */
export function asHeaders(facts: HookEvent): Record<string, string> {
  return Object.fromEntries(
    known(facts).map(([name, value]) => [
      `lull-${name.toLowerCase().replaceAll("_", "-")}`,
      value.toWellFormed().replace(/[^ -$&-~]/gu, encodeURIComponent),
    ]),
  );
}

function known(facts: HookEvent): [string, string][] {
  return (Object.keys(NAMES) as (keyof HookEvent)[]).flatMap((key) =>
    facts[key] === undefined ? [] : [[NAMES[key], String(facts[key])]]
  );
}
