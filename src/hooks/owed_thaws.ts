/**
 * Tracks owed thaws. A hook is owed a thaw if it got its freeze, and its thaw failed
 * or could not be called. An owed thaw stays in the journal until a thaw of that
 * hook succeeds: the next regular one, or a call when the program registers again.
 * @module
 */
import type { Recorded } from "../lifecycle/journal.ts";
import { messageOf } from "../util/errors.ts";
import type { Log } from "../log/mod.ts";
import { type Call, isPaid } from "./calls.ts";
import { type Limits, within } from "../util/within.ts";
import {
  type Hook,
  type HookEvent,
  type HookResult,
  keyOf,
  keyOfProgram,
  nameIn,
} from "./hook.ts";
import { OUTPUT } from "./output.ts";
import { OwedEntries, type OwedEntry } from "./owed_entries.ts";

/**
 * Called with the result of a thaw that was owed at the start, and without a result
 * if the program withdrew.
 */
export type Listener = (key: string, result?: HookResult) => void;

interface OwedThawsOptions {
  /** Finds the program of this name if it is registered. */
  readonly find: (name: string) => Hook | undefined;
  /** Milliseconds that one owed thaw may take. */
  readonly limitMs: number;
  readonly log: Pick<Log, "info" | "warn" | "error">;
}

/**
 * The owed thaws. From the first freeze of an operation to its last thaw, no owed
 * thaw is called, because the program may be frozen again.
 */
export class OwedThaws {
  readonly #options: OwedThawsOptions;
  readonly #entries: OwedEntries;
  readonly #listeners = new Map<string, Listener>();
  /** Names of registered programs whose owed thaw is not called yet. */
  readonly #registered = new Set<string>();
  /** Operations between {@linkcode begin} and {@linkcode end}. */
  #operations = 0;
  /** The calls of owed thaws under way. */
  #delivery: Promise<void> | undefined;

  constructor(options: OwedThawsOptions) {
    this.#options = options;
    this.#entries = new OwedEntries(options.log);
  }

  /** Paths of the scripts and names of the programs that are owed a thaw. */
  get names(): string[] {
    return this.#entries.names;
  }

  /** Adds an entry that an earlier agent left in the journal. */
  adopt(entry: OwedEntry, listener: Listener): void {
    this.#entries.adopt(entry);
    for (const key of entry.hooks) this.#listeners.set(key, listener);
  }

  /**
   * Begins an operation; {@linkcode end} must follow. Waits until the call of an
   * owed thaw ends. Returns false if the call does not end within the limits.
   */
  async begin(limits: Limits): Promise<boolean> {
    this.#operations++;
    if (this.#delivery === undefined) return true;
    return "value" in await within(this.#delivery, limits);
  }

  /**
   * Takes the results of an operation's thaws. A hook whose thaw succeeded is owed
   * nothing any more. Every other hook is owed this thaw, in the entry of this
   * operation. Returns the names of those hooks.
   */
  settle(
    calls: readonly Call[],
    event: HookEvent,
    recorded: Recorded,
  ): string[] {
    // The host's time is out of date when an owed thaw is called, and its trace is complete.
    const { hostTime: _, traceparent: __, ...lasting } = event;
    const entry: OwedEntry = { event: lasting, hooks: new Set(), recorded };
    for (const { hook, result } of calls) {
      const key = keyOf(hook);
      this.#entries.remove(key);
      if (!isPaid(result)) entry.hooks.add(key);
      this.#tell(key, result);
    }
    this.#entries.add(entry);
    this.#entries.write();
    const owed = [...entry.hooks].map(nameIn);
    if (owed.length > 0) {
      const { operation } = event;
      this.#options.log.warn("hooks are owed their thaw", { operation, owed });
    }
    return owed;
  }

  /** Ends an operation, and calls the owed thaws of programs that registered in it. */
  end(): void {
    if (--this.#operations > 0) return;
    this.#entries.write();
    this.#deliver();
  }

  /** Called when a program has registered: calls the thaw that the program is owed. */
  registered(name: string): void {
    if (this.#entries.of(keyOfProgram(name)) === undefined) return;
    this.#registered.add(name);
    this.#deliver();
  }

  /** Removes the owed thaw of a program that withdrew; false if it was owed none. */
  withdrawn(name: string): boolean {
    const key = keyOfProgram(name);
    if (!this.#entries.remove(key)) return false;
    this.#tell(key);
    // During an operation, `end` writes the changes.
    if (this.#operations === 0) this.#entries.write();
    return true;
  }

  #tell(key: string, result?: HookResult): void {
    this.#listeners.get(key)?.(key, result);
    if (result === undefined || isPaid(result)) this.#listeners.delete(key);
  }

  #deliver(): void {
    if (this.#operations > 0 || this.#registered.size === 0) return;
    this.#delivery ??= this.#deliverAll().finally(() => {
      this.#delivery = undefined;
      this.#deliver();
    });
  }

  /** Never rejects: only `begin` awaits it. */
  async #deliverAll(): Promise<void> {
    for (const name of this.#registered) {
      if (this.#operations > 0) return;
      this.#registered.delete(name);
      try {
        await this.#deliverTo(name);
      } catch (error) {
        const fields = { hook: name, error: messageOf(error) };
        this.#options.log.error("Cannot call an owed thaw", fields);
      }
    }
  }

  async #deliverTo(name: string): Promise<void> {
    const { find, limitMs, log } = this.#options;
    const key = keyOfProgram(name);
    const entry = this.#entries.of(key);
    const hook = find(name);
    if (entry === undefined || hook === undefined) return;
    const result = await hook.call(entry.event, {
      limitMs: Math.min(hook.limitMs, limitMs),
    });
    const { operation } = entry.event;
    const { status, reason, [OUTPUT]: output } = result;
    if (isPaid(result)) {
      this.#entries.remove(key);
      this.#entries.write();
      const fields = { hook: name, operation, output };
      log.info("a hook got the thaw that it was owed", fields);
    } else {
      const fields = { hook: name, operation, status, reason, output };
      log.warn("a hook is still owed its thaw", fields);
    }
    this.#tell(key, result);
  }
}
