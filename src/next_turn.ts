/**
 * Work that a reply need not wait for.
 * @module
 */

/** Does one thing in the next turn of the loop, when the reply has left. */
export class NextTurn {
  #action: (() => void) | undefined;

  /** Does it in the next turn; what was to be done before, is done now. */
  do(action: () => void): void {
    this.now();
    this.#action = action;
    setTimeout(() => this.now(), 0);
  }

  /** Does now what is still to be done: nobody can wait for a turn. */
  now(): void {
    const action = this.#action;
    this.#action = undefined;
    action?.();
  }
}
