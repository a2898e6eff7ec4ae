/**
 * The programs that take part: those of the configuration, and those that have
 * registered since.
 * @module
 */
import * as v from "valibot";
import { ConfigError } from "../config/error.ts";
import { since } from "../lifecycle/step.ts";
import type { Facts, Hook, HookResult, Limits, Policy } from "./hook.ts";
import { postHook } from "./requests.ts";
import { EventStream } from "./stream.ts";
import { parseTarget, TARGET_FORM } from "./target.ts";

/** How many programs may take part; each can hold up a prepare. */
export const MOST_PROGRAMS = 64;
/** The longest limit that a program may ask for, in milliseconds. */
const MOST_MS = 600_000;

const name = v.pipe(
  v.string(),
  v.regex(
    /^[A-Za-z0-9._-]{1,64}$/,
    "up to 64 letters, digits, dots, dashes and underscores",
  ),
);
const limitMs = v.optional(v.pipe(
  v.number(),
  v.integer(),
  v.minValue(1),
  v.maxValue(MOST_MS),
));
const policy = v.optional(v.picklist(["abort", "continue"]), "abort");

/** A program that wants requests; also an entry of the config file. */
export const RequestEntry = v.strictObject({
  name,
  url: v.pipe(
    v.string(),
    v.maxLength(1024),
    v.check((text) => parseTarget(text) !== undefined, TARGET_FORM),
  ),
  limitMs,
  policy,
});

/** A program that reads events; the words of its query. */
export const EventsEntry = v.strictObject({
  name,
  limitMs: v.optional(v.pipe(
    v.string(),
    v.regex(/^\d{1,6}$/, "a whole number"),
    v.transform(Number),
    v.minValue(1),
    v.maxValue(MOST_MS),
  )),
  policy,
});

/** What the config file gives. */
export type RequestInput = v.InferInput<typeof RequestEntry>;
type Request = v.InferOutput<typeof RequestEntry>;
type Events = v.InferOutput<typeof EventsEntry>;

/** A program as GET /hooks shows it. */
export interface Listed {
  readonly name: string;
  readonly kind: "request" | "events";
  readonly url?: string;
  readonly limitMs: number;
  readonly policy: Policy;
  readonly source: "config" | "program";
}

interface Program extends Listed {
  readonly stream?: EventStream;
}

/** Why a program was not taken: its name is someone else's, or there are too many. */
export type Refused = "taken" | "full";

/** How the registry is made. */
export interface RegistryOptions {
  /** Milliseconds for who names no limit. */
  readonly limitMs: number;
  /** Entries of the config file; throws a ConfigError for a wrong one. */
  readonly fixed?: readonly unknown[];
  /** Ids of events; no two the same, after a restart of the agent neither. */
  readonly newId: () => string;
}

/** Who takes part beside the scripts. */
export class HookRegistry {
  readonly #options: RegistryOptions;
  readonly #programs = new Map<string, Program>();

  constructor(options: RegistryOptions) {
    this.#options = options;
    for (const entry of options.fixed ?? []) this.#fix(entry);
  }

  /** Takes a program; its newer entry replaces its older one. */
  register(entry: Request): "created" | "replaced" | Refused {
    const old = this.#programs.get(entry.name);
    if (old?.source === "config" || old?.kind === "events") return "taken";
    if (old === undefined && this.#full) return "full";
    this.#add({ ...entry, kind: "request", source: "program" });
    return old === undefined ? "created" : "replaced";
  }

  /** Takes a program that reads events until its stream is closed. */
  open(
    entry: Events,
    send: (text: string) => void,
  ): { readonly close: () => void } | Refused {
    if (this.#programs.has(entry.name)) return "taken";
    if (this.#full) return "full";
    const stream = new EventStream(send);
    this.#add({ ...entry, kind: "events", source: "program", stream });
    return {
      close: () => {
        if (this.#programs.get(entry.name)?.stream === stream) {
          this.#programs.delete(entry.name);
        }
        stream.close();
      },
    };
  }

  /** Forgets a program that registered for requests. */
  remove(name: string): "removed" | "unknown" | "taken" {
    const program = this.#programs.get(name);
    if (program === undefined) return "unknown";
    if (program.source === "config" || program.kind === "events") {
      return "taken";
    }
    this.#programs.delete(name);
    return "removed";
  }

  /** Takes the acknowledgement of an event; false if nobody waits for it. */
  acknowledge(id: string, error?: string): boolean {
    return [...this.#programs.values()].some(({ stream }) =>
      stream?.acknowledge(id, error) === true
    );
  }

  /** Everybody, in the order in which they came. */
  list(): Listed[] {
    return [...this.#programs.values()].map(({ stream: _, ...shown }) => shown);
  }

  /** Everybody, as hooks; each is looked up again by its name when called. */
  hooks(): Hook[] {
    return this.list().map(({ name, kind, limitMs, policy, url }) => ({
      name,
      kind,
      limitMs,
      policy,
      at: url,
      call: (facts, limits) => this.#call(name, kind, facts, limits),
    }));
  }

  /**
   * Looked up anew: a program that came back between freeze and thaw under its
   * name hears the thaw, one that left is not waited for.
   */
  async #call(
    name: string,
    kind: Listed["kind"],
    facts: Facts,
    limits: Limits,
  ): Promise<HookResult> {
    const start = performance.now();
    const program = this.#programs.get(name);
    if (program === undefined) {
      const reason = "the program takes part no more";
      return { name, kind, status: "gone", ms: since(start), reason };
    }
    const result = program.stream === undefined
      ? await postHook(parseTarget(program.url!)!, facts, limits)
      : await program.stream.call(this.#options.newId(), facts, limits);
    return { name, kind: program.kind, ...result };
  }

  get #full(): boolean {
    return this.#programs.size >= MOST_PROGRAMS;
  }

  #add(entry: Omit<Program, "limitMs"> & { limitMs?: number }): void {
    const { limitMs = this.#options.limitMs } = entry;
    this.#programs.delete(entry.name);
    this.#programs.set(entry.name, { ...entry, limitMs });
  }

  #fix(entry: unknown): void {
    const result = v.safeParse(RequestEntry, entry);
    if (!result.success) {
      const [issue] = result.issues;
      throw new ConfigError(
        `Cannot use hook ${JSON.stringify(entry)}: ${
          v.getDotPath(issue) ?? "it"
        } must be ${issue.message}`,
      );
    }
    if (this.#programs.has(result.output.name)) {
      throw new ConfigError(
        `Cannot use hook ${result.output.name}: there are two of that name`,
      );
    }
    this.#add({ ...result.output, kind: "request", source: "config" });
  }
}
