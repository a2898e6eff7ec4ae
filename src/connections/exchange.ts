/**
 * One request and its reply, as the connection tracker sees them.
 * @module
 */
import type { Peer } from "../runtime/types.ts";

/** One request and its reply. Routes add actions that run when the caller has the reply. */
export class Exchange {
  readonly peer: Peer | undefined;
  /** performance.now() when the request arrived. A route may run later: a POST waits for the warm-up. */
  readonly receivedAt: number;
  /** True while the body of the request is arriving. */
  receiving = false;
  /** True if the caller said that this reply is the last on its connection. */
  callerCloses = false;
  /** True if the agent closes the connection after this reply, also while keep-alive is on. */
  isLast = false;
  /** True if the reply has no end, and its connection stays open while the guest is quiesced. */
  isStream = false;
  readonly #after: (() => void)[] = [];

  constructor(peer: Peer | undefined, receivedAt = performance.now()) {
    this.peer = peer;
    this.receivedAt = receivedAt;
  }

  /** Adds an action that runs when the caller has acknowledged the reply or is gone. */
  afterReply(action: () => void): void {
    this.#after.push(action);
  }

  /** True if there is an action to run. */
  get hasAfter(): boolean {
    return this.#after.length > 0;
  }

  /** Runs the actions, each once. */
  replied(): void {
    for (const action of this.#after.splice(0)) action();
  }
}

/** The value of `c.env` in Hono's handlers. */
export interface Bindings {
  readonly exchange: Exchange;
  /** True if the request comes from the agent itself, as part of a dry run. */
  readonly isSelfCall?: boolean;
}
