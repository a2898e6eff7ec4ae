/**
 * The registry of programs that are hooks: the programs of the configuration, and
 * the programs that registered.
 * @module
 */
import { refuse } from "../config/error.ts";
import { type Events, readFixed, type Request } from "./entries.ts";
import type { Hook } from "./hook.ts";
import type { OwedThaws } from "./owed_thaws.ts";
import { callProgram, type HookInfo, type Program } from "./program.ts";
import type { SavedPrograms } from "./saved_programs.ts";
import { EventStream } from "./stream.ts";

/** Maximum number of programs; each may delay a prepare. */
export const MOST_PROGRAMS = 64;

/** Why a program was refused: another hook has its name, or the registry is full. */
type Refused = "taken" | "full";

interface RegistryOptions {
  /** The limit of a program that asks for none, in milliseconds. */
  readonly limitMs: number;
  /** Entries of the config file; a wrong one makes the constructor throw a ConfigError. */
  readonly fixed?: readonly unknown[];
  /** Creates the ids of events, which stay unique when the agent restarts. */
  readonly newId: () => string;
  /** Stores the programs that register for requests; not stored if not given. */
  readonly saved?: Pick<SavedPrograms, "load" | "save">;
  /** Whether files may be written: false while the guest is quiesced. */
  readonly mayWrite?: () => boolean;
  /** Called with each program that registers or withdraws. */
  readonly owed?: Pick<OwedThaws, "registered" | "withdrawn">;
  /** Called with the error if programs cannot be loaded or saved. */
  readonly onError?: (error: unknown) => void;
}

/** The programs that are hooks. */
export class HookRegistry {
  readonly #options: RegistryOptions;
  readonly #programs = new Map<string, Program>();
  /** Whether the programs changed since the file was written. */
  #changed = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
    for (const entry of options.fixed ?? []) this.#addConfigured(entry);
    this.#load();
  }

  /** Registers a program for requests; replaces its earlier registration. */
  register(entry: Request): "created" | "replaced" | Refused {
    const old = this.#programs.get(entry.name);
    if (old?.source === "config" || old?.kind === "events") return "taken";
    if (old === undefined && this.#full) return "full";
    this.#addRequest(entry);
    this.#saveChange();
    this.#options.owed?.registered(entry.name);
    return old === undefined ? "created" : "replaced";
  }

  /** Registers a program that reads events, until its stream is closed. */
  open(
    entry: Events,
    send: (text: string) => void,
  ): { readonly close: () => void } | Refused {
    if (this.#programs.has(entry.name)) return "taken";
    if (this.#full) return "full";
    const stream = new EventStream(send);
    this.#add({ ...entry, kind: "events", source: "program", stream });
    // A comment (WHATWG HTML, 9.2.6) confirms the registration before any event.
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
   * Removes a program that registered for requests, and the thaw that a program of
   * this name is owed.
   */
  remove(name: string): "removed" | "unknown" | "taken" {
    const program = this.#programs.get(name);
    if (program?.source === "config" || program?.kind === "events") {
      return "taken";
    }
    const wasOwed = this.#options.owed?.withdrawn(name) ?? false;
    if (program === undefined) return wasOwed ? "removed" : "unknown";
    this.#programs.delete(name);
    this.#saveChange();
    return "removed";
  }

  /** Accepts the acknowledgement of an event; false if no call waits for it. */
  acknowledge(id: string, error?: string): boolean {
    return [...this.#programs.values()].some(({ stream }) =>
      stream?.acknowledge(id, error) === true
    );
  }

  /** All programs, in the order of their registration. */
  list(): HookInfo[] {
    return [...this.#programs.values()].map((
      { stream: _, entry: __, ...shown },
    ) => shown);
  }

  /** All programs, as hooks. A call finds its program again by name. */
  hooks(): Hook[] {
    return this.list().map(({ name, kind, limitMs, policy, url }) => ({
      name,
      kind,
      limitMs,
      policy,
      at: url,
      // Finds the program that has this name now: a program that registered again between freeze
      // and thaw gets the thaw.
      call: (event, limits) =>
        callProgram(
          this.#programs.get(name),
          { name, kind },
          event,
          limits,
          this.#options.newId,
        ),
    }));
  }

  /** Whether the file contains all programs that registered for requests. */
  get kept(): boolean {
    return this.#options.saved !== undefined && !this.#changed;
  }

  /**
   * Writes the file if the programs changed. A registration that arrives while the
   * guest is quiesced is effective at once, and is written by the next call.
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

  get #full(): boolean {
    return this.#programs.size >= MOST_PROGRAMS;
  }

  #saveChange(): void {
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

  /** Loads the programs that an earlier agent saved, after the config file's entries. */
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

  #addConfigured(entry: unknown): void {
    const read = readFixed(entry);
    if (this.#programs.has(read.name)) {
      refuse(`hook ${read.name}`, "two entries have this name");
    }
    this.#add({ ...read, kind: "request", source: "config" });
  }
}
