/**
 * The states of the agent and the ways between them; pure, so that the rules
 * can be read, and tested, on their own.
 * @module
 */

/** Where the agent is in its round. */
export type State =
  | "running"
  | "preparing"
  | "quiesced"
  | "undoing"
  | "recovering";

const NEXT: Record<State, readonly State[]> = {
  running: ["preparing"],
  preparing: ["quiesced", "undoing"],
  quiesced: ["recovering"],
  undoing: ["running"],
  recovering: ["running"],
};

/** A transition that the rules do not have; a bug in Lull, never a caller's. */
export class IllegalTransition extends Error {
  override readonly name = "IllegalTransition";
  constructor(readonly from: State, readonly to: State) {
    super(`Cannot go from ${from} to ${to}: only to ${NEXT[from].join(", ")}`);
  }
}

/** Holds the one current state. */
export class Machine {
  #state: State = "running";

  get state(): State {
    return this.#state;
  }

  /** Goes to the next state; throws {@linkcode IllegalTransition}. */
  to(next: State): void {
    if (!NEXT[this.#state].includes(next)) {
      throw new IllegalTransition(this.#state, next);
    }
    this.#state = next;
  }
}
