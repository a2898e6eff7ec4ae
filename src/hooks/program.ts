/**
 * A program that is a hook: what is known of it, and how it is called.
 * @module
 */
import type { Request } from "./entries.ts";
import type { CallLimits, HookEvent, HookResult, Policy } from "./hook.ts";
import type { EventStream } from "./stream.ts";
import { parseTarget } from "./target.ts";

/** A program, as GET /hooks returns it. */
export interface HookInfo {
  readonly name: string;
  readonly kind: "request" | "events";
  readonly url?: string;
  readonly limitMs: number;
  readonly policy: Policy;
  readonly source: "config" | "program";
}

/** A program of the registry. */
export interface Program extends HookInfo {
  /** The registration for requests that is saved to the file. */
  readonly entry?: Request;
  /** The event stream of a program that reads events. */
  readonly stream?: EventStream;
}

/**
 * Calls the program, by its URL or on its stream of events. `program` is undefined if no program has
 * this name any more: one that had registered for requests is missing only if it withdrew.
 */
export async function callProgram(
  program: Program | undefined,
  { name, kind }: Pick<HookInfo, "name" | "kind">,
  event: HookEvent,
  limits: CallLimits,
  newId: () => string,
): Promise<HookResult> {
  if (program === undefined) {
    const unreached = { name, kind, ms: 0, reached: false } as const;
    return kind === "request"
      ? { ...unreached, status: "withdrawn", reason: "the program withdrew" }
      : {
        ...unreached,
        status: "gone",
        reason: "the program is not connected",
      };
  }
  if (program.stream === undefined) {
    // A guest without such programs does not load what calls them.
    const { postHook } = await import("./requests.ts");
    const result = await postHook(parseTarget(program.url!)!, event, limits);
    return { name, kind: program.kind, ...result };
  }
  const result = await program.stream.call(newId(), event, limits);
  return { name, kind: program.kind, ...result };
}
