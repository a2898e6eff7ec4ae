/**
 * The thaws that hooks are still owed: a hook got its freeze, and its thaw
 * failed or could not be called. Each is in the journal until it is paid: by the
 * next thaw of the same hook, or by a call when the program registers again.
 * @module
 */
import type { Recorded } from "../lifecycle/journal.ts";
import { messageOf } from "../util/errors.ts";
import type { Log } from "../log/mod.ts";
import { type Call, isPaid } from "./calls.ts";
import { deadline, type Ended } from "./deadline.ts";
import {
  type Hook,
  type HookEvent,
  type HookResult,
  keyOf,
  keyOfProgram,
  type Limits,
  nameIn,
} from "./hook.ts";
import { OUTPUT } from "./output.ts";

/** The thaws that are owed since one operation: an entry of the journal. */
export interface Debt {
  /** What the hooks are to be told. */
  readonly facts: HookEvent;
  /** Their keys. */
  readonly hooks: Set<string>;
  readonly recorded: Recorded;
}

/** Hears of a thaw that was owed at the start; no result if it was withdrawn. */
export type Listener = (key: string, result?: HookResult) => void;

/** What the debts need. */
export interface OwedThawsOptions {
  /** The program of this name, if it takes part now. */
  readonly find: (name: string) => Hook | undefined;
  /** Milliseconds that a thaw may take. */
  readonly limitMs: number;
  readonly log: Pick<Log, "info" | "warn" | "error">;
}

/**
 * Knows what is owed. While a round is under way, which is from before its first
 * freeze to after its last thaw, no owed thaw is called: the program may be
 * frozen again.
 */
export class OwedThaws {
  readonly #options: OwedThawsOptions;
  /** The newest last; a hook is in one of them at most. */
  readonly #debts: Debt[] = [];
  /** Debts whose entries are not up to date. */
  readonly #changed = new Set<Debt>();
  readonly #listeners = new Map<string, Listener>();
  /** Names of programs that have registered and have not had their call yet. */
  readonly #registered = new Set<string>();
  #rounds = 0;
  #delivery: Promise<void> | undefined;

  constructor(options: OwedThawsOptions) {
    this.#options = options;
  }

  /** Paths of scripts and names of programs that are owed a thaw now. */
  get names(): string[] {
    return this.#debts.flatMap(({ hooks }) => [...hooks].map(nameIn));
  }

  /** Adds what an earlier agent has left in the journal. */
  adopt(debt: Debt, listener: Listener): void {
    this.#debts.push(debt);
    for (const key of debt.hooks) this.#listeners.set(key, listener);
  }

  /**
   * A round begins; {@linkcode end} must follow. Waits for an owed thaw that is
   * being called; false if that is not over within the limits.
   */
  async begin(limits: Limits): Promise<boolean> {
    this.#rounds++;
    if (this.#delivery === undefined) return true;
    let off = () => {};
    const late = new Promise<Ended>((resolve) =>
      off = deadline(limits, resolve)
    );
    const first = await Promise.race([this.#delivery, late]);
    off();
    return first === undefined;
  }

  /**
   * The thaws of a round: those that were done pay whatever is owed to their
   * hooks, the others are owed from now on, by the entry of this round. Gives
   * the names of the latter.
   */
  settle(
    calls: readonly Call[],
    facts: HookEvent,
    recorded: Recorded,
  ): string[] {
    const { hostTime: _, ...lasting } = facts;
    const debt: Debt = { facts: lasting, hooks: new Set(), recorded };
    for (const { hook, result } of calls) {
      const key = keyOf(hook);
      this.#forget(key);
      if (!isPaid(result)) debt.hooks.add(key);
      this.#tell(key, result);
    }
    if (debt.hooks.size > 0) this.#debts.push(debt);
    this.#changed.add(debt);
    this.#write();
    const owed = [...debt.hooks].map(nameIn);
    if (owed.length > 0) {
      const { operation } = facts;
      this.#options.log.warn("hooks are owed their thaw", { operation, owed });
    }
    return owed;
  }

  /** The round has ended, and its thaws with it. */
  end(): void {
    if (--this.#rounds > 0) return;
    this.#write();
    this.#deliver();
  }

  /** A program has registered: it gets the thaw that it is owed. */
  registered(name: string): void {
    if (this.#debtTo(keyOfProgram(name)) === undefined) return;
    this.#registered.add(name);
    this.#deliver();
  }

  /** A program takes part no more; false if it was owed nothing. */
  withdrawn(name: string): boolean {
    const key = keyOfProgram(name);
    if (!this.#forget(key)) return false;
    this.#tell(key);
    // The end of a round writes what has changed in it.
    if (this.#rounds === 0) this.#write();
    return true;
  }

  #debtTo(key: string): Debt | undefined {
    return this.#debts.findLast(({ hooks }) => hooks.has(key));
  }

  #forget(key: string): boolean {
    const debt = this.#debtTo(key);
    if (debt === undefined) return false;
    debt.hooks.delete(key);
    if (debt.hooks.size === 0) this.#debts.splice(this.#debts.indexOf(debt), 1);
    this.#changed.add(debt);
    return true;
  }

  #tell(key: string, result?: HookResult): void {
    this.#listeners.get(key)?.(key, result);
    if (result === undefined || isPaid(result)) this.#listeners.delete(key);
  }

  /** If this fails, the journal says more than is owed: a thaw comes twice. */
  #write(): void {
    for (const { facts, hooks, recorded } of this.#changed) {
      try {
        if (hooks.size === 0) recorded.erase();
        else recorded.update(changeOf(facts, hooks));
      } catch (error) {
        const fields = { error: messageOf(error) };
        this.#options.log.error("the journal cannot be written", fields);
      }
    }
    this.#changed.clear();
  }

  #deliver(): void {
    if (this.#rounds > 0 || this.#registered.size === 0) return;
    this.#delivery ??= this.#deliverAll().finally(() => {
      this.#delivery = undefined;
      this.#deliver();
    });
  }

  /** Never rejects: nothing awaits it but a round that begins. */
  async #deliverAll(): Promise<void> {
    for (const name of this.#registered) {
      if (this.#rounds > 0) return;
      this.#registered.delete(name);
      try {
        await this.#deliverTo(name);
      } catch (error) {
        const fields = { hook: name, error: messageOf(error) };
        this.#options.log.error("an owed thaw cannot be called", fields);
      }
    }
  }

  async #deliverTo(name: string): Promise<void> {
    const { find, limitMs, log } = this.#options;
    const key = keyOfProgram(name);
    const debt = this.#debtTo(key);
    const hook = find(name);
    if (debt === undefined || hook === undefined) return;
    const result = await hook.call(debt.facts, {
      limitMs: Math.min(hook.limitMs, limitMs),
    });
    const { operation } = debt.facts;
    const { status, reason, [OUTPUT]: output } = result;
    if (isPaid(result)) {
      this.#forget(key);
      this.#write();
      const fields = { hook: name, operation, output };
      log.info("a hook got the thaw that it was owed", fields);
    } else {
      const fields = { hook: name, operation, status, reason, output };
      log.warn("a hook is still owed its thaw", fields);
    }
    this.#tell(key, result);
  }
}

/** What the journal has of started hooks, and of debts. */
export function changeOf(
  { operation, generation, outcome }: Omit<HookEvent, "phase">,
  hooks: Iterable<string>,
): Record<string, unknown> {
  return { operation, generation, outcome, started: [...hooks] };
}
