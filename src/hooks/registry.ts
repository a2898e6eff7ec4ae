/**
 * The programs that take part: those of the configuration, and those that have
 * registered since.
 * @module
 */
import { ConfigError } from "../config/error.ts";
import { since } from "../util/errors.ts";
import { type Events, readFixed, type Request } from "./entries.ts";
import type { Hook, HookEvent, HookResult, Limits, Policy } from "./hook.ts";
import type { OwedThaws } from "./owed_thaws.ts";
import { postHook } from "./requests.ts";
import type { SavedPrograms } from "./saved_programs.ts";
import { EventStream } from "./stream.ts";
import { parseTarget } from "./target.ts";

/** How many programs may take part; each can hold up a prepare. */
export const MOST_PROGRAMS = 64;

/** A program as GET /hooks shows it. */
export interface HookInfo {
  readonly name: string;
  readonly kind: "request" | "events";
  readonly url?: string;
  readonly limitMs: number;
  readonly policy: Policy;
  readonly source: "config" | "program";
}

interface Program extends HookInfo {
  /** How it registered for requests, as it is kept. */
  readonly entry?: Request;
  readonly stream?: EventStream;
}

/** Why a program was not taken: its name is someone else's, or there are too many. */
export type Refused = "taken" | "full";

/** How the registry is made. */
export interface RegistryOptions {
  /** Milliseconds for a program that names no limit. */
  readonly limitMs: number;
  /** Entries of the config file; throws a ConfigError for a wrong one. */
  readonly fixed?: readonly unknown[];
  /** Ids of events; no two the same, after a restart of the agent neither. */
  readonly newId: () => string;
  /** Keeps the programs that register for requests. */
  readonly saved?: Pick<SavedPrograms, "load" | "save">;
  /** Whether a file may be written now: not while the guest is quiesced. */
  readonly mayWrite?: () => boolean;
  /** Told of each program that comes, and of each that withdraws. */
  readonly owed?: Pick<OwedThaws, "registered" | "withdrawn">;
  /** Hears why programs cannot be kept. */
  readonly onError?: (error: unknown) => void;
}

/** The programs that take part beside the scripts. */
export class HookRegistry {
  readonly #options: RegistryOptions;
  readonly #programs = new Map<string, Program>();
  /** Whether the file lacks something that has changed here. */
  #changed = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
    for (const entry of options.fixed ?? []) this.#fix(entry);
    this.#load();
  }

  /** Takes a program; its newer entry replaces its older one. */
  register(entry: Request): "created" | "replaced" | Refused {
    const old = this.#programs.get(entry.name);
    if (old?.source === "config" || old?.kind === "events") return "taken";
    if (old === undefined && this.#full) return "full";
    this.#addRequest(entry);
    this.#keep();
    this.#options.owed?.registered(entry.name);
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
    // A comment, before any event: it tells the program that it takes part.
    send(`: registered as ${entry.name}\n\n`);
    this.#options.owed?.registered(entry.name);
    return {
      close: () => {
        if (this.#programs.get(entry.name)?.stream === stream) {
          this.#programs.delete(entry.name);
        }
        stream.close();
      },
    };
  }

  /**
   * Forgets a program that registered for requests, and the thaw that a program
   * of this name is still owed.
   */
  remove(name: string): "removed" | "unknown" | "taken" {
    const program = this.#programs.get(name);
    if (program?.source === "config" || program?.kind === "events") {
      return "taken";
    }
    const wasOwed = this.#options.owed?.withdrawn(name) ?? false;
    if (program === undefined) return wasOwed ? "removed" : "unknown";
    this.#programs.delete(name);
    this.#keep();
    return "removed";
  }

  /** Takes the acknowledgement of an event; false if no call waits for it. */
  acknowledge(id: string, error?: string): boolean {
    return [...this.#programs.values()].some(({ stream }) =>
      stream?.acknowledge(id, error) === true
    );
  }

  /** All programs, in the order in which they came. */
  list(): HookInfo[] {
    return [...this.#programs.values()].map((
      { stream: _, entry: __, ...shown },
    ) => shown);
  }

  /** All programs, as hooks; each is looked up again by its name when called. */
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

  /** Whether a restarted agent would know all that have registered for requests. */
  get kept(): boolean {
    return this.#options.saved !== undefined && !this.#changed;
  }

  /**
   * Writes the file if it lacks something. Registrations that arrive while the
   * guest is quiesced take part at once and are written by the next call of this.
   */
  save(): void {
    const { saved, onError } = this.#options;
    if (!this.#changed || saved === undefined) return;
    const entries = [...this.#programs.values()]
      .flatMap(({ entry }) => entry ?? []);
    try {
      saved.save(entries);
      this.#changed = false;
    } catch (error) {
      onError?.(error);
    }
  }

  /**
   * Looked up anew: a program that came back between freeze and thaw under its
   * name gets the thaw. A program that registered for requests is missing only
   * if it withdrew.
   */
  async #call(
    name: string,
    kind: HookInfo["kind"],
    facts: HookEvent,
    limits: Limits,
  ): Promise<HookResult> {
    const start = performance.now();
    const program = this.#programs.get(name);
    if (program === undefined) {
      const unreached = {
        name,
        kind,
        ms: since(start),
        reached: false,
      } as const;
      return kind === "request"
        ? { ...unreached, status: "withdrawn", reason: "it was withdrawn" }
        : { ...unreached, status: "gone", reason: "it is not connected" };
    }
    const result = program.stream === undefined
      ? await postHook(parseTarget(program.url!)!, facts, limits)
      : await program.stream.call(this.#options.newId(), facts, limits);
    return { name, kind: program.kind, ...result };
  }

  get #full(): boolean {
    return this.#programs.size >= MOST_PROGRAMS;
  }

  #keep(): void {
    this.#changed = true;
    if (this.#options.mayWrite?.() ?? true) this.save();
  }

  #addRequest(entry: Request): void {
    this.#add({ ...entry, entry, kind: "request", source: "program" });
  }

  #add(entry: Omit<Program, "limitMs"> & { limitMs?: number }): void {
    const { limitMs = this.#options.limitMs } = entry;
    this.#programs.delete(entry.name);
    this.#programs.set(entry.name, { ...entry, limitMs });
  }

  /** What an agent before this one kept; the config file's entries come first. */
  #load(): void {
    try {
      for (const entry of this.#options.saved?.load() ?? []) {
        if (this.#programs.has(entry.name) || this.#full) continue;
        this.#addRequest(entry);
      }
    } catch (error) {
      this.#options.onError?.(error);
    }
  }

  #fix(entry: unknown): void {
    const read = readFixed(entry);
    if (this.#programs.has(read.name)) {
      throw new ConfigError(
        `Cannot use hook ${read.name}: there are two of that name`,
      );
    }
    this.#add({ ...read, kind: "request", source: "config" });
  }
}
