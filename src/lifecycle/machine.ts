/**
 * The states of the agent and the transitions between them. Each state holds its
 * own data: no code can ask for the operation of a state that has none.
 * @module
 */
import { OtherOperation } from "./errors.ts";
import type { Operation } from "./operation.ts";
import type { Recovery } from "./reports.ts";

/** Where the agent is in its round, with the data of that state. */
export type Phase =
  | { readonly state: "running" }
  | {
    readonly state: "preparing";
    readonly operation: Operation;
    /** Resolves once quiesced; rejects with PrepareFailed once undone. */
    readonly done: Promise<Operation>;
  }
  | { readonly state: "quiesced"; readonly operation: Operation }
  | {
    readonly state: "undoing" | "recovering";
    readonly operation: Operation;
    readonly done: Promise<{ readonly recovery: Recovery }>;
  };

/** The name of a state. */
export type State = Phase["state"];

const NEXT: Record<State, readonly State[]> = {
  running: ["preparing"],
  preparing: ["quiesced", "undoing"],
  quiesced: ["recovering"],
  undoing: ["running"],
  recovering: ["running"],
};

/** The names of all states. */
export const STATES = Object.keys(NEXT) as State[];

/** A transition that is not allowed. It is a bug in Lull, not an error of a caller. */
export class IllegalTransition extends Error {
  override readonly name = "IllegalTransition";
  constructor(readonly from: State, readonly to: State) {
    super(`Cannot go from ${from} to ${to}: only to ${NEXT[from].join(", ")}`);
  }
}

/** The current state, and the last operation that has ended. */
export class Machine {
  #phase: Phase = { state: "running" };
  #last: Operation | undefined;
  readonly #watchers = new Set<() => void>();

  /** The current state, with its data. */
  get phase(): Phase {
    return this.#phase;
  }

  /** Calls the watcher after each transition, until the returned function is called. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** The last operation that has ended. */
  get last(): Operation | undefined {
    return this.#last;
  }

  /** The operation under way, or the last one. */
  get operation(): Operation | undefined {
    return this.#phase.state === "running" ? this.#last : this.#phase.operation;
  }

  /** Goes to the next state; throws {@linkcode IllegalTransition}. */
  to(next: Phase): void {
    if (!NEXT[this.#phase.state].includes(next.state)) {
      throw new IllegalTransition(this.#phase.state, next.state);
    }
    if (next.state === "running") this.#last = this.operation;
    this.#phase = next;
    for (const watcher of this.#watchers) watcher();
  }

  /**
   * Whether a recovery acts on the operation with this id, or on any if there is no id. False for
   * the last operation once another one has begun. Throws {@linkcode OtherOperation}.
   */
  actsOn(id: string | undefined): boolean {
    if (id === undefined || this.operation?.id === id) return true;
    if (this.#last?.id !== id) throw new OtherOperation();
    return false;
  }
}
